"""Hashes with libargon2, the reference C implementation, on every core, with the parameters of Guerdon's hashes.

    reference_argon2.py SECONDS [HASHES_A_SECOND]

Prints {"seconds", "cpu_seconds", "latencies_ms"}. Without a pace each core hashes without a break; with one, a latency
counts from when a hash was due.
"""

import ctypes
import json
import os
import sys
import time
from multiprocessing import Pipe, Process, Value

MEMORY_KIB, PASSES, LANES, OUTPUT_BYTES = 19_456, 2, 1, 32
PASSWORD, SALT = b"correct horse battery", b"0123456789abcdef"


def hash_once(library):
    output = ctypes.create_string_buffer(OUTPUT_BYTES)
    code = library.argon2id_hash_raw(
        ctypes.c_uint32(PASSES), ctypes.c_uint32(MEMORY_KIB), ctypes.c_uint32(LANES),
        PASSWORD, ctypes.c_size_t(len(PASSWORD)), SALT, ctypes.c_size_t(len(SALT)),
        output, ctypes.c_size_t(OUTPUT_BYTES),
    )
    if code != 0:
        raise RuntimeError(f"argon2id_hash_raw returned {code}")


def work(library, started, seconds, pace, taken, results):
    latencies = []
    while time.monotonic() < started + seconds:
        due = time.monotonic()
        if pace:
            with taken.get_lock():
                number = taken.value
                taken.value += 1
            due = started + number / pace
            time.sleep(max(0, due - time.monotonic()))
        hash_once(library)
        latencies.append((time.monotonic() - due) * 1000)
    results.send((latencies, time.process_time()))


def main():
    seconds = float(sys.argv[1])
    pace = float(sys.argv[2]) if len(sys.argv) > 2 else None
    library = ctypes.CDLL("libargon2.so.1")
    hash_once(library)
    taken, started = Value("q", 0), time.monotonic()
    pipes = [Pipe(duplex=False) for _ in range(len(os.sched_getaffinity(0)))]
    workers = [Process(target=work, args=(library, started, seconds, pace, taken, end)) for _, end in pipes]
    for worker in workers:
        worker.start()
    results = [end.recv() for end, _ in pipes]
    elapsed = time.monotonic() - started
    for worker in workers:
        worker.join()
    print(json.dumps({
        "seconds": elapsed,
        "cpu_seconds": sum(cpu for _, cpu in results),
        "latencies_ms": [latency for latencies, _ in results for latency in latencies],
    }))


main()
