"""HTTP as it arrives and leaves: headers, cookies, bodies, hosts, and what is checked of them."""
