# Targets for users, developers and packagers: see `make help`.

# Installation directories, named as in the GNU coding standards; DESTDIR is prepended to each.
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
# Most tests wait for processes and timers, not for a core.
TEST_THREADS      ?= 8
FUZZ_SECONDS      ?= 60
# With vendored crates, as in a release tarball, the build needs no network.
CARGOFLAGS        ?= $(if $(wildcard vendor),--frozen,--locked)

VERSION     := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
TARGET_DIR   = $(abspath $(or $(CARGO_TARGET_DIR),target))
BINARY       = $(TARGET_DIR)/$(if $(CARGO_BUILD_TARGET),$(CARGO_BUILD_TARGET)/)release/llamactl
DOCS         = $(TARGET_DIR)/docs
STATIC       = $(shell uname -m)-unknown-linux-musl

# The date on man pages and in packages: that of the last commit or, in a source tarball, of this file.
SOURCE_DATE_EPOCH ?= $(shell { test -e .git && git log -1 --format=%ct; } 2>/dev/null || date -r Makefile +%s)
export SOURCE_DATE_EPOCH

# Keeps paths of the build machine out of the binary, so that builds in any directory are identical. The last matching
# prefix takes precedence.
CARGO_HOME  ?= $(HOME)/.cargo
REMAP        = --remap-path-prefix=$(CURDIR)=/llamactl \
               $(foreach crates,$(CURDIR)/vendor $(wildcard $(CARGO_HOME)/registry/src/*),--remap-path-prefix=$(crates)=/crates) \
               --remap-path-prefix=$(TARGET_DIR)=/target
# The builder's own RUSTFLAGS are kept.
RELEASE      = RUSTFLAGS='$(strip $(RUSTFLAGS) $(REMAP))' $(CARGO) build --release --bin llamactl $(CARGOFLAGS)

.PHONY: all binary help demo test golden check coverage e2e fuzz docs bench install uninstall static check-static check-cross vendor dist check-dist deb check-deb clean

all: binary docs ## build the release binary, man pages and completions

# Fetches first, because the paths of the crates are arguments of the compiler (REMAP).
binary:
	@$(CARGO) fetch --quiet $(filter --locked --frozen --offline,$(CARGOFLAGS)) || :
	$(RELEASE)

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: ## sign in to an embedded control plane and walk through the commands
	$(CARGO) build --quiet --bin llamactl --example control-plane $(CARGOFLAGS)
	@sh tests/demo/demo.sh $(TARGET_DIR)/debug/llamactl $(TARGET_DIR)/debug/examples/control-plane

test: ## run all tests that need only Rust and a C compiler
	$(CARGO) test $(CARGOFLAGS) -- --test-threads=$(TEST_THREADS)

golden: ## regenerate the expected help pages, man pages and completions
	UPDATE_GOLDEN=1 $(CARGO) test $(CARGOFLAGS) -- help_pages golden

# cargo-deny checks the crates of all systems; a build fetches only those of one. Advisories are checked for the crates of
# the binary, and only if the database is at hand, since `make check` must not need a network.
check: ## formatting, lints, documentation and tests
	$(CARGO) fmt --check
	rustfmt --edition 2024 --check src/cli/docgen.rs
	$(CARGO) clippy --all-targets $(CARGOFLAGS) -- -D warnings
	@if command -v cargo-deny >/dev/null; then \
	  $(CARGO) fetch --quiet $(filter --locked --frozen --offline,$(CARGOFLAGS)) && \
	  $(CARGO) deny --offline check bans licenses sources && \
	  if ls -d $(CARGO_HOME)/advisory-db*/* >/dev/null 2>&1; then \
	    $(CARGO) deny --offline --exclude-dev check --disable-fetch advisories; \
	    else echo 'SKIPPED: no advisory database (`cargo deny fetch db`); advisories are not checked' >&2; fi; \
	  else echo 'SKIPPED: cargo-deny is not installed; licences, sources and advisories of crates are not checked' >&2; fi
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps --quiet $(CARGOFLAGS)
	$(MAKE) test

# All processes share the counters through a memory-mapped file, so that processes that are killed or call exec count too.
# Processes of another user cannot write there and are missing.
coverage: ## run the tests and print the line coverage of src/ (needs cargo-llvm-cov)
	LLVM_PROFILE_FILE_NAME='llamactl-%m%c.profraw' RUSTFLAGS='$(strip $(RUSTFLAGS) -C llvm-args=-runtime-counter-relocation)' \
	  $(CARGO) llvm-cov $(CARGOFLAGS) -- --test-threads=$(TEST_THREADS)

e2e: all ## run the binary against programs written by others (needs python3 and node)
	LLAMACTL_BIN=$(abspath $(BINARY)) tests/e2e/run

# The corpus is in target/fuzz and starts from fixtures/fuzz, which `make test` runs through the same checks.
fuzz: ## run each fuzz target for FUZZ_SECONDS (needs a nightly toolchain and cargo-fuzz)
	@set -e; for target in $$(cd tests/fuzz/fuzz_targets && ls | sed 's/\.rs$$//'); do \
	  mkdir -p $(TARGET_DIR)/fuzz/$$target; \
	  seeds=fixtures/fuzz/$$target; if [ -d fixtures/$$target ]; then seeds="$$seeds fixtures/$$target"; fi; \
	  $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz --target-dir $(TARGET_DIR)/fuzz-build $$target \
	    $(TARGET_DIR)/fuzz/$$target $$seeds -- -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1; \
	done

# A separate program writes them from the table of commands. It needs rustc for the build machine, no crate and no network.
docs: ## write man pages and shell completions to target/docs
	@mkdir -p $(TARGET_DIR)
	$(RUSTC) --edition=2024 -o $(TARGET_DIR)/docgen src/cli/docgen.rs
	@rm -rf $(DOCS)
	$(TARGET_DIR)/docgen $(DOCS) $(VERSION)

bench: all ## print wall times as ratios to a do-nothing program, curl, cp and the Python tool
	$(PYTHON) tests/bench/run $(BINARY)

install: ## install what `make` built to $(DESTDIR)$(PREFIX)
	@test -x $(BINARY) && test -d $(DOCS) || { echo "run 'make' first" >&2; exit 1; }
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(mandir)/man1 \
	  $(DESTDIR)$(bashcompletiondir) $(DESTDIR)$(zshcompletiondir) $(DESTDIR)$(fishcompletiondir)
	$(INSTALL) -m 755 $(BINARY) $(DESTDIR)$(bindir)/llamactl
	$(INSTALL) -m 644 $(DOCS)/man/*.1 $(DESTDIR)$(mandir)/man1
	$(INSTALL) -m 644 $(DOCS)/completions/llamactl.bash $(DESTDIR)$(bashcompletiondir)/llamactl
	$(INSTALL) -m 644 $(DOCS)/completions/_llamactl $(DESTDIR)$(zshcompletiondir)/_llamactl
	$(INSTALL) -m 644 $(DOCS)/completions/llamactl.fish $(DESTDIR)$(fishcompletiondir)/llamactl.fish

uninstall: ## remove what `make install` installed
	rm -f $(DESTDIR)$(bindir)/llamactl $(DESTDIR)$(bashcompletiondir)/llamactl \
	  $(DESTDIR)$(mandir)/man1/llamactl.1 $(DESTDIR)$(mandir)/man1/llamactl-*.1 \
	  $(DESTDIR)$(zshcompletiondir)/_llamactl $(DESTDIR)$(fishcompletiondir)/llamactl.fish

static: docs ## build a static binary with musl (rustup target add $(STATIC))
	@$(CARGO) fetch --quiet $(filter --locked --frozen --offline,$(CARGOFLAGS)) || :
	$(RELEASE) --target $(STATIC)
	@ls -l $(TARGET_DIR)/$(STATIC)/release/llamactl

check-static: static ## test the static binary in an empty root directory (needs root)
	$(CARGO) build --quiet --target $(STATIC) --no-default-features $(CARGOFLAGS)
	LLAMACTL_STATIC=$(TARGET_DIR)/$(STATIC)/release/llamactl \
	LLAMACTL_STATIC_ROOTLESS=$(TARGET_DIR)/$(STATIC)/debug/llamactl \
	  $(CARGO) test --quiet $(CARGOFLAGS) --test suite -- empty_root

check-cross: ## build for Linux on ARM and for Windows; run the result if an emulator is installed
	sh .ci/cross

vendor: ## copy the sources of all crates to vendor/ and build from there
	mkdir -p .cargo
	$(CARGO) vendor --locked --versioned-dirs vendor >.cargo/config.toml

# Made from the last commit, so that the same commit gives the same bytes.
dist: docs ## make a source tarball with vendored crates, their licences and generated docs (needs git)
	@git diff --quiet HEAD || echo 'dist: uncommitted changes are not included' >&2
	sh .ci/make-dist $(VERSION) $(DOCS) $(TARGET_DIR)/dist

check-dist: binary dist ## build, test and install from the tarball without network, and compare (needs root)
	sh .ci/check-dist $(TARGET_DIR)/dist $(BINARY)

deb: all ## make a Debian package (needs dpkg-dev)
	sh .ci/make-deb $(VERSION) $(TARGET_DIR)/deb

check-deb: deb ## test the package in a minimal Debian (needs root, lintian and debootstrap)
	sh .ci/check-deb $(TARGET_DIR)/deb

clean: ## remove build output
	$(CARGO) clean
