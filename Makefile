# What a user, a developer and a packager run. `make help` lists it.

PREFIX      ?= /usr/local
BINDIR      ?= $(PREFIX)/bin
DESTDIR     ?=

CARGO       ?= cargo
CARGOFLAGS  ?= --locked
INSTALL     ?= install
PYTHON      ?= python3
# Most tests wait for processes and clocks, not for a core.
TEST_THREADS ?= 16

TARGET_DIR   = $(or $(CARGO_TARGET_DIR),target)
BINARY       = $(TARGET_DIR)/release/llamactl

.PHONY: all help demo test check e2e bench install uninstall clean

all: ## build the release binary
	$(CARGO) build --release $(CARGOFLAGS)

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## sign in to an embedded control plane and walk through the commands
	$(CARGO) build --quiet --bin llamactl --example control-plane $(CARGOFLAGS)
	@sh tests/demo/demo.sh $(TARGET_DIR)/debug/llamactl $(TARGET_DIR)/debug/examples/control-plane

test: ## run all tests that need nothing but Rust and a C compiler
	$(CARGO) test $(CARGOFLAGS) -- --test-threads=$(TEST_THREADS)

check: ## formatting, lints, documentation and tests
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets $(CARGOFLAGS) -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --quiet $(CARGOFLAGS)
	$(MAKE) test

e2e: all ## run the binary against programs nobody here wrote (needs python3 and node)
	LLAMACTL_BIN=$(abspath $(BINARY)) tests/e2e/run

bench: all ## print figures beside those of a do-nothing binary
	$(PYTHON) tests/bench/run $(BINARY)

install: ## install the release binary below $(DESTDIR)$(PREFIX)
	@test -x $(BINARY) || { echo "run 'make' first" >&2; exit 1; }
	$(INSTALL) -d $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 755 $(BINARY) $(DESTDIR)$(BINDIR)/llamactl

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(BINDIR)/llamactl

clean: ## remove everything that was built
	$(CARGO) clean
