"""A whole system with the desktop, for who works on its pages: `python -m tests.support.desktop_stack [FOLDER]`.

It listens on free ports, plays the example morning, prints the addresses, and runs until Ctrl-C. With FOLDER its data stay.
"""

import asyncio
import signal
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from deploy import sign_in
from deploy.morning.play import play
from deploy.site import Ports, Site
from deploy.stack import Stack


def main() -> None:
    """Runs until a signal ends it."""
    console = Console(highlight=False, width=160)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="desktop-"))
    site = Site(folder.absolute(), Ports.free(), durable=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Stack(site, console.print, desktop=True) as stack:
        asyncio.run(play(stack, console))
        console.print(
            f"\nThe desktop: {site.pages}    the sign-in provider: {site.issuer}    logs: {site.logs}"
        )
        for line in sign_in.who_may(site):
            console.print(f"  {line}")
        try:
            while True:
                time.sleep(1)
                stack.restart_dead(console.print)
        except KeyboardInterrupt:
            console.print("stopping")


if __name__ == "__main__":
    main()
