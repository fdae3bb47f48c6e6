"""Shows what one lone interaction costs, as the ledger says and `test_cost.py` asserts: `make cost`."""

import sys

from tests.ledgers.bill import ledger, table

if __name__ == "__main__":
    for kind, bill in ledger().items():
        sys.stdout.write("\n".join((f"\n{kind}", *table(bill), "")))
