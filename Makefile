# Antiphon. `make` alone prints this help.
SHELL := /bin/bash
STATE := .antiphon
PYTHON := $(STATE)/venv/bin/python
MEMBERS := shared services/ingest-email services/ingest-social services/ingest-direct services/customer-profile services/case-mgmt services/routing
UV_VERSION := 0.13.9
.DEFAULT_GOAL := help
.PHONY: help set-up run up down status logs token dead-letters check-rules test bench bench-routing faults fuzz stands lint format lock contracts personal-data settings cost clean

help: ## Show this help
	@echo "Antiphon: every customer's voice into one queue, every answer onto one record."
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'
	@echo
	@echo "Begin with: make run"

$(PYTHON):
	@echo "✗ nothing is installed yet: make set-up" >&2; exit 1

set-up: ## Install what is missing (Python and Node packages, Kafka, PostgreSQL); nothing when all is there
	@bash deploy/set-up.sh

run: set-up ## Start everything, play an example morning, stay up until Ctrl-C
	@$(PYTHON) -m deploy run

up: set-up ## Start everything in the background
	@$(PYTHON) -m deploy up

down: $(PYTHON) ## Stop everything that `make up` or `make run` started
	@$(PYTHON) -m deploy down

status: $(PYTHON) ## Show what runs, how far behind it is, and whether the counts agree
	@$(PYTHON) -m deploy status

logs: $(PYTHON) ## Follow the logs; SERVICE=routing for one only
	@$(PYTHON) -m deploy logs $(SERVICE)

token: $(PYTHON) ## Print a token: make -s token ROLE=agent NAME=amara (agent, supervisor, operations, manager, integration)
	@$(PYTHON) -m deploy token --role "$(ROLE)" --name "$(NAME)"

dead-letters: $(PYTHON) ## List events that could not be handled or sent, with reasons; REPLAY=all, =routing:12 or =routing:parked:12 tries again
	@$(PYTHON) -m deploy dead-letters $(if $(REPLAY),--replay $(REPLAY))

check-rules: $(PYTHON) ## Show what is wrong or odd in an organisation's file; FILE=deploy/example/council.yaml by default
	@$(PYTHON) -m routing.check $(or $(FILE),deploy/example/council.yaml)

test: set-up ## Run all tests, on a real PostgreSQL, Kafka, mail server and PDS
	@$(PYTHON) -m pytest $(ARGS)

bench: set-up ## Measure throughput, latency, growth, entry points and memory on this machine; QUICK=1 in under ten minutes, ONLY=growth
	@$(PYTHON) -m tests.load $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

bench-routing: set-up ## Measure the router's decisions alone; QUICK=1 a fifth of it, ONLY=name,name
	@$(PYTHON) -m tests.load.routing $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

cost: $(PYTHON) ## Show what one lone interaction costs: transactions, statements, round trips, NOTIFYs, events, by service
	@$(PYTHON) -m tests.ledgers

faults: set-up ## Break everything under load and show what survives; QUICK=1 under three minutes, ONLY=name,name SEED=n RATE=n
	@$(PYTHON) -m tests.faults $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE))

fuzz: set-up ## Send hostile input everywhere, for ten minutes at most; QUICK=1 for 90 seconds, MINUTES=n, SEED=n repeats
	@$(PYTHON) -m tests.fuzz $(if $(QUICK),--quick) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

stands: set-up ## Bench, faults and fuzz in a short form, as CI runs them: whether all is right, in under five minutes
	@$(PYTHON) -m tests.load --short
	@$(PYTHON) -m tests.faults --quick --only kill-case-mgmt,duplicates --seed 7
	@$(PYTHON) -m tests.fuzz --quick --minutes 0.8 --seed 7

lint: set-up ## Check format, style, types, import directions and generated files
	@$(STATE)/venv/bin/ruff format --check .
	@$(STATE)/venv/bin/ruff check .
	@$(STATE)/venv/bin/basedpyright
	@$(STATE)/venv/bin/lint-imports

format: set-up ## Format the code and fix what can be fixed
	@$(STATE)/venv/bin/ruff format .
	@$(STATE)/venv/bin/ruff check --fix .

contracts: set-up ## Write the event schemas and the AsyncAPI document anew
	@$(PYTHON) -m antiphon.contracts.generate

personal-data: set-up ## Write docs/personal-data.md anew: which columns hold what customers said, and how it is found
	@$(PYTHON) -m deploy.personal_data

settings: set-up ## Write docs/settings.md anew: every environment variable of every service
	@$(PYTHON) -m deploy.settings_document

lock: $(PYTHON) ## Resolve dependencies anew into requirements.lock and package-lock.json
	@$(STATE)/uv/bin/uv lock --quiet --upgrade
	@$(STATE)/uv/bin/uv export --quiet --all-packages --all-groups --no-emit-workspace --no-header -o requirements.lock
	@cd deploy/node && npm install --package-lock-only --ignore-scripts

clean: $(PYTHON) ## Stop everything and delete its data, logs and secrets
	@$(PYTHON) -m deploy clean
