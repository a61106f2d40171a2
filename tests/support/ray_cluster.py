"""Two computers of one CPU each, as far as Ray can tell. Says its address; on "kill" the second one dies at once.

Run as a program: Ray wants its settings before it is imported, and leaves processes and threads of its own.
"""

from __future__ import annotations

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_raylet_start_wait_time_s"] = "200"  # noqa: SIM112 - Ray's spelling; a busy machine takes its time


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends."""
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    second = cluster.add_node(**small)
    cluster.wait_for_nodes()
    _say(f"address {cluster.address}")
    for line in sys.stdin:
        if line.strip() == "kill":
            cluster.remove_node(second, allow_graceful=False)
            _say("killed")
    cluster.shutdown()


if __name__ == "__main__":
    main()
