"""What tests of an application need: a client that speaks to it as a server would."""

from lback.testing.client import Client, ClientResponse

__all__ = ["Client", "ClientResponse"]
