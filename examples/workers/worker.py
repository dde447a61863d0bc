"""A worker, to begin a worker of your own with: python worker.py QUEUE...

It connects as psql does, by PGHOST, PGDATABASE, PGUSER and the others.
"""

import os
import signal
import socket
import sys
import threading
import time
from datetime import timedelta

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

WORKER = f"{socket.gethostname()}:{os.getpid()}"

LEASE = "select *, extract(epoch from lease_until - hearken.now())::float8 as seconds from hearken.lease(%s, %s)"
PAUSE = "select extract(epoch from hearken.next_due(%s) - hearken.now())::float8 as pause"


class NotNow(Exception):
    """It cannot be done yet, and that is nobody's failure: snooze."""

    def __init__(self, pause: timedelta, note: str):
        super().__init__(note)
        self.pause, self.note = pause, note


class NoUse(Exception):
    """It will fail however often it is tried: dead at once."""


def handle(item: dict, lost: threading.Event):
    """Yours. What it returns is the result. It stops when `lost` is set: then nobody wants the result."""
    data = item["context"]
    if "name" not in data:
        raise NoUse("there is no name to greet")
    if time.time() < data.get("opens", 0):
        raise NotNow(timedelta(seconds=1), "not open yet")
    lost.wait(data.get("seconds", 0))  # long work
    return {"greeting": f"hello {data['name']}"}


class Heart:
    """Extends a lease at a third of its time, on another connection than the work's."""

    def __init__(self, db: psycopg.Connection, item: dict):
        self.db, self.item = db, item
        self.lost, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _beat(self):
        seconds = self.item["seconds"]
        ends = time.monotonic() + seconds
        while not self._done.wait(min(seconds / 3, max(ends - time.monotonic(), 0))):
            asked = time.monotonic()
            try:
                word = self.db.execute(
                    "select hearken.extend(%s, %s) as word", (self.item["id"], self.item["token"])
                ).fetchone()["word"]
                if word != "extended":
                    break
                ends = asked + seconds
            except psycopg.Error:
                # Whether somebody else has it by now cannot be known: past its end the lease is lost.
                if asked >= ends:
                    break
        else:
            return
        self.lost.set()


def connect() -> psycopg.Connection:
    return psycopg.connect(
        autocommit=True,
        row_factory=dict_row,
        # A server which has vanished is to be noticed within a lease.
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=15000,
    )


def tell(db: psycopg.Connection, call: str, *args) -> str:
    """Answers. If the connection breaks, once more on a new one: the same answer twice does no harm."""
    try:
        return db.execute(f"select hearken.{call} as word", args).fetchone()["word"]
    except psycopg.OperationalError:
        with connect() as again:
            return again.execute(f"select hearken.{call} as word", args).fetchone()["word"]


def do(db: psycopg.Connection, heart: Heart) -> str:
    this = heart.item["id"], heart.item["token"]
    try:
        with heart:
            result = handle(heart.item, heart.lost)
    except NotNow as later:
        return tell(db, "snooze(%s, %s, %s, %s)", *this, later.pause, later.note)
    except NoUse as error:
        return tell(db, "fail(%s, %s, %s, retry => false)", *this, str(error))
    except Exception as error:
        return tell(db, "fail(%s, %s, %s)", *this, f"{type(error).__name__}: {error}")
    except BaseException:  # told to stop: another worker shall do it, and the attempt does not count
        tell(db, "release(%s, %s)", *this)
        raise
    return tell(db, "complete(%s, %s, %s)", *this, Jsonb(result))


def work(queues: list[str]):
    with connect() as db, connect() as bells:
        for queue in queues:
            bells.execute(sql.SQL("listen {}").format(sql.Identifier(f"hearken:{queue}")))
        while True:
            item = db.execute(LEASE, (WORKER, queues)).fetchone()
            if item:
                print(item["id"], do(db, Heart(bells, item)), flush=True)
                continue
            pause = db.execute(PAUSE, (queues,)).fetchone()["pause"]
            pause = 30 if pause is None else min(max(pause, 0.05), 30)
            for _ in bells.notifies(timeout=pause, stop_after=1):
                pass


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        try:
            work(sys.argv[1:])
        except psycopg.OperationalError as error:
            print(error, file=sys.stderr, flush=True)
            time.sleep(1)
