"""`make cost`: prints what a single interaction costs, from the ledger that `test_cost.py` asserts."""

import sys

from tests.ledgers.bill import ledger, table

if __name__ == "__main__":
    for kind, bill in ledger().items():
        sys.stdout.write("\n".join((f"\n{kind}", *table(bill), "")))
