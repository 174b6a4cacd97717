"""TCP connections that a test can break: a small proxy in a process of its own, told what to do line by line.

    links = Links({"kafka0": (listen port, target port), ...})
    links.cut("kafka0")          ends its connections and refuses new ones
    links.stall("kafka0")        keeps them, but nothing passes any more: a network that swallows packets
    links.delay("kafka0", 200)   each piece passes that many ms later
    links.mend("kafka0")         as at first
    links.aim("redis0", port)    another target; what was connected is ended
"""

import asyncio
import contextlib
import os
import pathlib
import socket
import struct
import subprocess
import sys

PIECE = 1 << 18


class Links:
    def __init__(self, routes):
        arguments = [f"{name}={listen}:{target}" for name, (listen, target) in routes.items()]
        self.process = subprocess.Popen([sys.executable, pathlib.Path(__file__), *arguments], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._expect("ready")

    def _expect(self, word):
        answer = self.process.stdout.readline().strip()
        assert answer.split(" ")[0] == word, f"the proxy answered {answer!r} instead of {word!r}"
        return answer

    def _tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self._expect("done")

    def cut(self, name):
        return self._tell("cut", name)

    def stall(self, name):
        return self._tell("stall", name)

    def delay(self, name, delay_ms):
        return self._tell("delay", name, delay_ms)

    def mend(self, name):
        return self._tell("mend", name)

    def aim(self, name, port):
        return self._tell("aim", name, port)

    def touched(self, name):
        """How many connections were ended, refused or held up by what it was told, since the start."""
        return int(self._tell("touched", name).split(" ")[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Link:
    def __init__(self, target):
        self.target = target
        self.is_cut = False
        self.delay_ms = 0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.writers = set()
        self.touched = 0

    def end_all(self):
        for writer in list(self.writers):
            self.touched += 1
            # Reset rather than an orderly end, and without waiting for what is still to be written.
            with contextlib.suppress(OSError):  # it ended by itself, just now
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def serve(self, reader, writer):
        if self.is_cut:
            self.touched += 1
            writer.transport.abort()
            return
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, onward_writer}
        self.writers |= pair
        pumps = [asyncio.create_task(self.pump(reader, onward_writer)), asyncio.create_task(self.pump(onward_reader, writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for task in pumps:
            task.cancel()
        self.writers -= pair
        for one in pair:
            one.close()

    async def pump(self, reader, writer):
        try:
            while piece := await reader.read(PIECE):
                if self.delay_ms:
                    self.touched += 1
                    await asyncio.sleep(self.delay_ms / 1000)
                if not self.flowing.is_set():
                    self.touched += 1
                    await self.flowing.wait()
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass

    def obey(self, word, *arguments):
        if word == "cut":
            self.is_cut = True
            self.end_all()
        elif word == "stall":
            self.flowing.clear()
        elif word == "delay":
            self.delay_ms = int(arguments[0])
        elif word == "mend":
            self.is_cut = False
            self.delay_ms = 0
            self.flowing.set()
        elif word == "aim":
            self.target = int(arguments[0])
            self.end_all()


async def serve(routes):
    links = {}
    for route in routes:
        name, _, ports = route.partition("=")
        listen, _, target = ports.partition(":")
        links[name] = Link(int(target))
        await asyncio.start_server(links[name].serve, "127.0.0.1", int(listen))
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, name, *arguments = line.split()
        links[name].obey(word, *arguments)
        print("done", links[name].touched, flush=True)
    os._exit(0)  # what is under way needs no end


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
