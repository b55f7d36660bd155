# What a user, a developer and a packager run. `make help` lists it.

# Where `make install` puts things, by the names that GNU gives them; DESTDIR goes before each.
PREFIX            ?= /usr/local
prefix            ?= $(PREFIX)
exec_prefix       ?= $(prefix)
bindir            ?= $(exec_prefix)/bin
datarootdir       ?= $(prefix)/share
mandir            ?= $(datarootdir)/man
bashcompletiondir ?= $(datarootdir)/bash-completion/completions
zshcompletiondir  ?= $(datarootdir)/zsh/site-functions
fishcompletiondir ?= $(datarootdir)/fish/vendor_completions.d
DESTDIR           ?=

CARGO             ?= cargo
RUSTC             ?= rustc
INSTALL           ?= install
PYTHON            ?= python3
# Most tests wait for processes and clocks, not for a core.
TEST_THREADS      ?= 16
FUZZ_SECONDS      ?= 60
# Where the crates lie beside the sources, as in a release's tarball, there is no need for a network.
CARGOFLAGS        ?= $(if $(wildcard vendor),--frozen,--locked)

VERSION     := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
TARGET_DIR   = $(abspath $(or $(CARGO_TARGET_DIR),target))
BINARY       = $(TARGET_DIR)/$(if $(CARGO_BUILD_TARGET),$(CARGO_BUILD_TARGET)/)release/llamactl
DOCS         = $(TARGET_DIR)/docs
STATIC       = $(shell uname -m)-unknown-linux-musl

# The day on the man pages, and on the files of what is built for others: that of the last commit or, in a source
# tarball, where all files have one and the same, that of this file.
SOURCE_DATE_EPOCH ?= $(shell { test -e .git && git log -1 --format=%ct; } 2>/dev/null || date -r Makefile +%s)
export SOURCE_DATE_EPOCH

# No path of the building machine gets into a binary: wherever it is built, and wherever the crates came from, it is the
# same to the byte. The last that matches counts.
CARGO_HOME  ?= $(HOME)/.cargo
REMAP        = --remap-path-prefix=$(CURDIR)=/llamactl \
               $(foreach crates,$(CURDIR)/vendor $(wildcard $(CARGO_HOME)/registry/src/*),--remap-path-prefix=$(crates)=/crates) \
               --remap-path-prefix=$(TARGET_DIR)=/target
# RUSTFLAGS are the builder's own, kept wherever they were set.
RELEASE      = RUSTFLAGS='$(strip $(RUSTFLAGS) $(REMAP))' $(CARGO) build --release --bin llamactl $(CARGOFLAGS)

.PHONY: all binary help demo test golden check coverage e2e fuzz docs bench install uninstall static check-static check-cross vendor dist check-dist deb check-deb clean

all: binary docs ## build the release binary, man pages and completions

# The crates are fetched first: where they are is a part of what is passed to the compiler.
binary:
	@$(CARGO) fetch --quiet $(filter --locked --frozen --offline,$(CARGOFLAGS)) || :
	$(RELEASE)

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## sign in to an embedded control plane and walk through the commands
	$(CARGO) build --quiet --bin llamactl --example control-plane $(CARGOFLAGS)
	@sh tests/demo/demo.sh $(TARGET_DIR)/debug/llamactl $(TARGET_DIR)/debug/examples/control-plane

test: ## run all tests that need nothing but Rust and a C compiler
	$(CARGO) test $(CARGOFLAGS) -- --test-threads=$(TEST_THREADS)

golden: ## write the expected help pages, man pages and completions anew, after a change that is meant
	UPDATE_GOLDEN=1 $(CARGO) test $(CARGOFLAGS) -- help_pages golden

# cargo-deny wants the crates of all systems, of which a build fetches those of one.
check: ## formatting, lints, documentation and tests
	$(CARGO) fmt --check
	rustfmt --edition 2024 --check src/cli/docgen.rs
	$(CARGO) clippy --all-targets $(CARGOFLAGS) -- -D warnings
	@if command -v cargo-deny >/dev/null; then \
	  $(CARGO) fetch --quiet $(filter --locked --frozen --offline,$(CARGOFLAGS)) && \
	  $(CARGO) deny --offline check bans licenses sources; \
	  else echo 'SKIPPED: cargo-deny is not installed; licences and sources of crates are not checked' >&2; fi
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --quiet $(CARGOFLAGS)
	$(MAKE) test

# All processes of the tests count in one file that they share in memory: also those that are killed, or run another
# program. What a test counts as another user, who can't write there, is missing.
coverage: ## run the tests and say how much of each file in src/ they run (needs cargo-llvm-cov)
	LLVM_PROFILE_FILE_NAME='llamactl-%m%c.profraw' RUSTFLAGS='$(strip $(RUSTFLAGS) -C llvm-args=-runtime-counter-relocation)' \
	  $(CARGO) llvm-cov $(CARGOFLAGS) -- --test-threads=$(TEST_THREADS)

e2e: all ## run the binary against programs nobody here wrote (needs python3 and node)
	LLAMACTL_BIN=$(abspath $(BINARY)) tests/e2e/run

# What is found grows below target/fuzz; it starts from fixtures/fuzz, which `make test` runs through the same checks.
fuzz: ## run each fuzz target for FUZZ_SECONDS (needs a nightly toolchain and cargo-fuzz)
	@set -e; for target in $$(cd tests/fuzz/fuzz_targets && ls | sed 's/\.rs$$//'); do \
	  mkdir -p $(TARGET_DIR)/fuzz/$$target; \
	  seeds=fixtures/fuzz/$$target; if [ -d fixtures/$$target ]; then seeds="$$seeds fixtures/$$target"; fi; \
	  $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz --target-dir $(TARGET_DIR)/fuzz-build $$target \
	    $(TARGET_DIR)/fuzz/$$target $$seeds -- -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1; \
	done

# By a small program of its own, over the table of commands: it needs a compiler for the machine that builds, no crate and
# no network, whatever the binary is built for.
docs: ## man pages and shell completions, below target/docs
	@mkdir -p $(TARGET_DIR)
	$(RUSTC) --edition=2024 -o $(TARGET_DIR)/docgen src/cli/docgen.rs
	@rm -rf $(DOCS)
	$(TARGET_DIR)/docgen $(DOCS) $(VERSION)

bench: all ## print figures beside those of a do-nothing binary
	$(PYTHON) tests/bench/run $(BINARY)

install: ## install what `make` built below $(DESTDIR)$(PREFIX)
	@test -x $(BINARY) && test -d $(DOCS) || { echo "run 'make' first" >&2; exit 1; }
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(mandir)/man1 \
	  $(DESTDIR)$(bashcompletiondir) $(DESTDIR)$(zshcompletiondir) $(DESTDIR)$(fishcompletiondir)
	$(INSTALL) -m 755 $(BINARY) $(DESTDIR)$(bindir)/llamactl
	$(INSTALL) -m 644 $(DOCS)/man/*.1 $(DESTDIR)$(mandir)/man1
	$(INSTALL) -m 644 $(DOCS)/completions/llamactl.bash $(DESTDIR)$(bashcompletiondir)/llamactl
	$(INSTALL) -m 644 $(DOCS)/completions/_llamactl $(DESTDIR)$(zshcompletiondir)/_llamactl
	$(INSTALL) -m 644 $(DOCS)/completions/llamactl.fish $(DESTDIR)$(fishcompletiondir)/llamactl.fish

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(bindir)/llamactl $(DESTDIR)$(bashcompletiondir)/llamactl \
	  $(DESTDIR)$(mandir)/man1/llamactl.1 $(DESTDIR)$(mandir)/man1/llamactl-*.1 \
	  $(DESTDIR)$(zshcompletiondir)/_llamactl $(DESTDIR)$(fishcompletiondir)/llamactl.fish

static: docs ## build a binary that needs nothing of the machine it runs on (rustup target add $(STATIC))
	@$(CARGO) fetch --quiet $(filter --locked --frozen --offline,$(CARGOFLAGS)) || :
	$(RELEASE) --target $(STATIC)
	@ls -l $(TARGET_DIR)/$(STATIC)/release/llamactl

check-static: static ## test that binary in a root directory that holds nothing else (needs root)
	$(CARGO) build --quiet --target $(STATIC) --no-default-features $(CARGOFLAGS)
	LLAMACTL_STATIC=$(TARGET_DIR)/$(STATIC)/release/llamactl \
	LLAMACTL_STATIC_ROOTLESS=$(TARGET_DIR)/$(STATIC)/debug/llamactl \
	  $(CARGO) test --quiet $(CARGOFLAGS) --test suite -- empty_root

check-cross: ## build for Linux on ARM and for Windows, and run that where there is an emulator
	sh .ci/cross

vendor: ## copy the sources of all crates to vendor/, and build from them from then on
	mkdir -p .cargo
	$(CARGO) vendor --locked --versioned-dirs vendor >.cargo/config.toml

# From the last commit, so that the same commit gives the same bytes.
dist: docs ## a source tarball with vendored crates, their licences and the generated docs (needs git)
	@git diff --quiet HEAD || echo 'dist: what is not committed is not in it' >&2
	sh .ci/make-dist $(VERSION) $(DOCS) $(TARGET_DIR)/dist

check-dist: binary dist ## build, test and install from that tarball without network, and compare (needs root)
	sh .ci/check-dist $(TARGET_DIR)/dist $(BINARY)

deb: all ## a package for Debian and what is made from it (needs dpkg-dev)
	sh .ci/make-deb $(VERSION) $(TARGET_DIR)/deb

check-deb: deb ## test that package in a minimal Debian (needs root, lintian and debootstrap)
	sh .ci/check-deb $(TARGET_DIR)/deb

clean: ## remove everything that was built
	$(CARGO) clean
