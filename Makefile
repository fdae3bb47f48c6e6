# Antiphon. `make` alone prints this help.
SHELL := /bin/bash
STATE := .antiphon
PYTHON := $(STATE)/venv/bin/python
MEMBERS := shared services/ingest-email services/ingest-social services/ingest-direct services/customer-profile services/case-mgmt services/routing services/desktop
UV_VERSION := 0.13.9
.DEFAULT_GOAL := help
.PHONY: help set-up run up down status logs token apply dead-letters check-rules test bench bench-routing faults fuzz stands lint format lock contracts personal-data settings problems api-types cost clean

help: ## Show this help
	@echo "Antiphon: a universal queue for customer service."
	@echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'
	@echo
	@echo "Start with: make run"

$(PYTHON):
	@echo "✗ nothing is installed; make set-up installs it" >&2; exit 1

set-up: ## Install what is missing: Python and Node packages, Kafka, PostgreSQL, the pages of the desktop
	@bash deploy/set-up.sh

run: set-up ## Start everything, play an example morning, stay up until Ctrl-C; EMPTY=1 has no example, and the desktop sets it up
	@$(PYTHON) -m deploy run $(if $(EMPTY),--empty)

up: set-up ## Start everything in the background; EMPTY=1 as for `make run`
	@$(PYTHON) -m deploy up $(if $(EMPTY),--empty)

down: $(PYTHON) ## Stop everything that `make up` or `make run` started
	@$(PYTHON) -m deploy down

status: $(PYTHON) ## Show which processes run, how far each is behind, and whether the counts agree
	@$(PYTHON) -m deploy status

logs: $(PYTHON) ## Follow the logs; SERVICE=routing follows one
	@$(PYTHON) -m deploy logs $(SERVICE)

token: $(PYTHON) ## Print a token of 12 hours: make -s token ROLE=agent NAME=amara (agent, supervisor, operations, manager, integration, administrator)
	@$(PYTHON) -m deploy token --role "$(ROLE)" --name "$(NAME)"

apply: $(PYTHON) ## Publish an organisation's file as the active version: FILE=council.yaml REASON='Why it changes'
	@$(PYTHON) -m deploy apply --file "$$FILE" --reason "$$REASON" $(if $(NAME),--name "$$NAME")

dead-letters: $(PYTHON) ## List events that a service could not handle or send, with reasons; REPLAY=all, =routing:12 or =routing:parked:12 retries
	@$(PYTHON) -m deploy dead-letters $(if $(REPLAY),--replay $(REPLAY))

check-rules: $(PYTHON) ## Show errors and warnings of an organisation's file; FILE=deploy/example/council.yaml by default
	@$(PYTHON) -m routing.check $(or $(FILE),deploy/example/council.yaml)

test: set-up ## Run all tests, on a real PostgreSQL, Kafka, mail server, PDS and browser
	@bash deploy/set-up.sh tests
	@$(PYTHON) -m pytest $(ARGS)

bench: set-up ## Measure throughput, latency, growth, entry points and memory on this machine; QUICK=1 takes under ten minutes, ONLY=growth one part
	@$(PYTHON) -m tests.load $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

bench-routing: set-up ## Measure routing alone; QUICK=1 measures less, ONLY=name,name some parts
	@$(PYTHON) -m tests.load.routing $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

cost: $(PYTHON) ## Show what a single interaction costs by service: transactions, statements, round trips, NOTIFYs, events
	@$(PYTHON) -m tests.ledgers

faults: set-up ## Inject faults under load, then compare all records; QUICK=1 takes under three minutes, ONLY=name,name SEED=n RATE=n MINUTES=n
	@$(PYTHON) -m tests.faults $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE)) $(if $(MINUTES),--minutes $(MINUTES))

fuzz: set-up ## Send hostile input to every entry point for ten minutes; QUICK=1 for 90 seconds, MINUTES=n, SEED=n repeats a run
	@$(PYTHON) -m tests.fuzz $(if $(QUICK),--quick) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

stands: set-up ## Run bench, faults and fuzz in a short form, as CI does, in under five minutes
	@$(PYTHON) -m tests.load --short
	@$(PYTHON) -m tests.faults --quick --only kill-case-mgmt,duplicates --seed 7
	@$(PYTHON) -m tests.fuzz --quick --minutes 0.8 --seed 7

lint: set-up ## Check format, style, types, import directions and generated files
	@$(STATE)/venv/bin/ruff format --check .
	@$(STATE)/venv/bin/ruff check .
	@$(STATE)/venv/bin/basedpyright
	@$(STATE)/venv/bin/lint-imports
	@cd services/desktop/web && npm run --silent types && npm run --silent lint

format: set-up ## Format the code and fix what ruff can fix
	@$(STATE)/venv/bin/ruff format .
	@$(STATE)/venv/bin/ruff check --fix .

contracts: set-up ## Write the event schemas and the AsyncAPI document
	@$(PYTHON) -m antiphon.contracts.generate

personal-data: set-up ## Write docs/personal-data.md: the columns that hold what customers wrote, and how to find it
	@$(PYTHON) -m deploy.personal_data

problems: set-up ## Write docs/problems.md: every kind of error of the APIs
	@$(PYTHON) -m deploy.problems_document

settings: set-up ## Write docs/settings.md: every environment variable of every service
	@$(PYTHON) -m deploy.settings_document

api-types: set-up ## Write the types of the APIs for the pages, from the OpenAPI documents
	@$(PYTHON) -m deploy.openapi_documents

lock: $(PYTHON) ## Resolve the dependencies into requirements.lock and package-lock.json
	@$(STATE)/uv/bin/uv lock --quiet --upgrade
	@$(STATE)/uv/bin/uv export --quiet --all-packages --all-groups --no-emit-workspace --no-header -o requirements.lock
	@cd deploy/node && npm install --package-lock-only --ignore-scripts

clean: $(PYTHON) ## Stop everything and delete its data, logs and secrets
	@$(PYTHON) -m deploy clean
