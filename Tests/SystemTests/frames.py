"""What a client is sent, as a list of frames."""

import asyncio
import json


async def until(ws, kind):
    """Every frame up to the first of that type. A greeting may come before what is awaited, or after it."""
    frames = []
    while not frames or frames[-1].get("type") != kind:
        frames.append(json.loads(await asyncio.wait_for(ws.recv(), 30)))
    return frames
