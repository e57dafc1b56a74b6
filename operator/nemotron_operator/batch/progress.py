"""How far a batch is: one JSON line in the log, now and then, for nemoctl."""

import json
import sys
from dataclasses import dataclass


@dataclass(slots=True)
class Progress:
    """Counts what is done."""

    total: int
    done: int

    def tell(self, limit: int) -> None:
        """Print a line.

        Parameters
        ----------
        limit
            How many requests may be under way.
        """
        progress = {"done": self.done, "total": self.total, "concurrency": limit}
        sys.stdout.write(json.dumps({"progress": progress}) + "\n")
        sys.stdout.flush()
