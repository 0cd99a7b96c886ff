"""`python -m server.files WHERE`: tries what a front end will ask of this store, and says in JSON how it went.

`jitney doctor` runs it: the command line imports nothing of front ends. What it puts there it removes.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import Sequence

from broker.common.logs import configure_logging
from server.files.startup import files_from
from server.files.store import AlreadyThere, Store, StoreError
from server.settings import ServerSettings

PROBE = b"jitney doctor"
MISUSED, ILL, WELL = 2, 1, 0
SEE_TO_IT = "see to its permissions, room and address; docs/files.md says what it needs"
TWICE = "it takes a name twice that may be taken once: two front ends could both go on with one batch"
NEWER = "use storage that knows If-None-Match on PUT"


async def complaint(store: Store) -> tuple[str, str] | None:
    """What is wrong and what helps; None for a store that does all we need."""
    folder = f"probe/{secrets.token_hex(8)}"
    name = f"{folder}/{secrets.token_hex(8)}"
    try:
        await store.put(name, PROBE, is_new=True)
        if await _is_put_again(store, name):
            return TWICE, NEWER
        if await store.get(name) != PROBE or await store.names(folder) != [name]:
            return "what was put there is not found", SEE_TO_IT
        await store.delete([name])
        return None if await store.get(name) is None else ("what was deleted is still there", SEE_TO_IT)
    except StoreError as error:
        why = error.__cause__.strerror if isinstance(error.__cause__, OSError) else None
        return f"{str(error).rstrip('.')}{f': {why}' if why else ''}", SEE_TO_IT


async def _is_put_again(store: Store, name: str) -> bool:
    try:
        await store.put(name, PROBE, is_new=True)
    except AlreadyThere:
        return False
    await store.delete([name])
    return True


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 for a store that will do, 1 for one that will not, 2 for no address of one."""
    try:
        files = files_from(ServerSettings(files=arguments[0] if arguments else ""))
        if files is None:
            raise ValueError("name a directory, or s3://bucket/prefix")
    except ValueError as error:
        print(json.dumps({"said": str(error), "remedy": ""}))
        return MISUSED
    found = asyncio.run(complaint(files.store))
    said, remedy = found or ("it keeps, finds and forgets", "")
    print(json.dumps({"said": said, "remedy": remedy}))
    return ILL if found else WELL


if __name__ == "__main__":
    configure_logging("critical")
    sys.exit(main(sys.argv[1:]))
