"""The garbage collector, called by tests of finalizers."""

import gc
import threading


def collect_garbage() -> None:
    """Collect all garbage; `gc.collect` does nothing while another thread collects."""
    here, collected = threading.get_ident(), threading.Event()

    def record_end(phase: str, info: dict[str, int]) -> None:
        if (phase, info["generation"], threading.get_ident()) == ("stop", 2, here):
            collected.set()

    gc.callbacks.append(record_end)
    while not collected.is_set():
        gc.collect()
    gc.callbacks.remove(record_end)
