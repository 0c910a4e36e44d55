"""Lists and calls tools with the official client: `call.py URL KEY`; writes what it got as JSON."""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def talk(url: str, key: str) -> dict[str, object]:
    fields = {"Authorization": f"Bearer {key}"}
    async with (
        httpx2.AsyncClient(headers=fields) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        listed = await client.list_tools()
        called = await client.call_tool("order", {"shop": "corner", "title": "Emma", "copies": 2})
        failed = await client.call_tool("order", {"shop": "corner", "title": "Emma", "copies": 0})
        return {
            "version": client.protocol_version,
            "server": client.server_info.name,
            "tools": sorted(tool.name for tool in listed.tools),
            "structured": called.structured_content,
            "failed": failed.is_error,
        }


sys.stdout.write(json.dumps(asyncio.run(talk(*sys.argv[1:]))))
