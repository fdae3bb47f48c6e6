"""Rules as people write them, contexts for them, and the CPU that they take alone."""

import random
import time

import yaml

from deploy.site import EXAMPLE
from routing.domain.configuration.document import Configuration
from routing.domain.rules.conditions import Context, complete, decide

RULES = 100
PATTERN_EVERY = (
    20  # of so many rules one has a pattern, which is compiled at each evaluation and costs ten times as much
)


def organisation(rules: int, raised: int = 0) -> str:
    """The example organisation with so many rules of the kinds that people write. Which rule is the first to match varies."""
    parts = yaml.safe_load(EXAMPLE.read_text())
    queues = ["rates", "roads", "planning", "front-desk", "social-care"]
    written = [
        'case.department == "{d}" && interaction.tone == "negative" && interaction.text.contains("word{n}")',
        'interaction.channel == "social" && interaction.followers > {n}000',
        '"topic-{n}" in interaction.topics',
        'customer.labels.exists(label, label == "label-{n}") && case.reopened > 0',
        'interaction.subject.startsWith("Re: {n}") || case.waited_minutes > {n}000',
    ]
    pattern = 'interaction.text.matches("(?i)reference [a-z]{{2}}{n}[0-9]{{4}}")'
    made = [
        {
            "name": f"Rule {n}",
            "when": (pattern if n % PATTERN_EVERY == 5 else written[n % len(written)]).format(
                n=n, d=("rates", "roads", "planning")[n % 3]
            ),
            "then": {"queue": queues[n % len(queues)], "priority": n % 90 + raised},
        }
        for n in range(rules - 1)
    ]
    rest = {
        "name": "Everything else",
        "when": "true",
        "then": {"queue": "front-desk", "priority": 30 + raised},
    }
    return yaml.safe_dump({**parts, "rules": [*made, rest]}, sort_keys=False)


def contexts(count: int) -> list[Context]:
    """Contexts with texts of about 600 characters, topics and labels; the same in every run."""
    chance = random.Random(7)  # noqa: S311 - no secret
    words = [f"word{n}" for n in range(400)]
    return [
        complete(
            {
                "interaction.channel": chance.choice(["email", "email", "social", "phone"]),
                "interaction.subject": f"Re: {chance.randrange(400)}",
                "interaction.text": " ".join(chance.choices(words, k=90)),
                "interaction.tone": chance.choice(["neutral", "negative", "positive"]),
                "interaction.topics": [f"topic-{chance.randrange(2000)}" for _ in range(3)],
                "interaction.followers": chance.randrange(20_000),
                "customer.labels": [f"label-{chance.randrange(2000)}" for _ in range(2)],
                "case.department": chance.choice(["rates", "roads", "planning", ""]),
                "case.waited_minutes": chance.randrange(600),
            }
        )
        for _ in range(count)
    ]


def bare(configuration: Configuration) -> float:
    """CPU seconds in which CEL evaluates the rules on one context, one rule after another as in a live decision."""
    sample = contexts(200)
    began = time.process_time()
    for context in sample:
        decide(configuration.conditions, context)
    return (time.process_time() - began) / len(sample)
