# make test      everything that Rust, a C compiler and make can test; what needs more says "skipped: …"
# make lint      formatting, clippy and the documentation
# make bench     benchmarks
# make fuzz      each fuzz target for FUZZ_SECONDS (needs cargo-fuzz)
# make go-test   the Go module and example (needs Go and pkg-config)
# make examples  the C examples, linked to the library in target/stage
# make header    rewrites include/k8sboot.h and symbols.txt from the sources
# make plugin    the CNI IPAM plugin k8sboot-ipam, small and without shared libraries, in target/stage
# make install   libk8sboot.so, libk8sboot.a, k8sboot.h and k8sboot.pc below PREFIX (DESTDIR and LIBDIR as usual)

CARGO ?= cargo
PROFILE ?= release
FEATURES ?=
# What tests and lints are built with, beyond the defaults.
TEST_FEATURES := k8sboot-core/testing,k8sboot-core/deterministic,k8sboot-core/rcgen,k8sboot-core/docker,k8sboot-core/cri,k8sboot-core/etcd,k8sboot-core/api,k8sboot-core/k8s-latest,k8sboot-ffi/testing,k8sboot-ffi/api
TARGET_DIR ?= $(or $(CARGO_TARGET_DIR),target)
FUZZ_SECONDS ?= 30
FUZZ_ARGS ?=

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The version in the SONAME: major.minor before 1.0, major after.
ABI := $(shell echo $(VERSION) | sed -E 's/^0\.([0-9]+)\..*/0.\1/; t; s/\..*//')
BUILT := $(TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
STAGE := $(abspath $(TARGET_DIR))/stage

export PATH := $(CURDIR)/.tools/bin:$(PATH)

# The host's triple: with --target, flags for the plugin do not reach build scripts.
HOST := $(shell $(CARGO) -vV | sed -n 's/^host: //p')

.PHONY: all header test rust-test go-test lint bench fuzz examples plugin install stage

all:
	$(CARGO) build --release --workspace

test: rust-test go-test

rust-test:
	$(CARGO) test --workspace --features $(TEST_FEATURES)

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --features $(TEST_FEATURES) -- -D warnings
	$(CARGO) clippy -p k8sboot-core --no-default-features -- -D warnings
	$(CARGO) clippy -p k8sboot-core --no-default-features --features node -- -D warnings
	$(CARGO) clippy -p k8sboot-ffi --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

bench:
	$(CARGO) bench -p k8sboot-benches

# cargo-fuzz wants nightly's flags; RUSTC_BOOTSTRAP lets the pinned toolchain take them.
fuzz:
	k8sboot-core/fuzz/seed
	@cd k8sboot-core && for target in $$($(CARGO) fuzz list); do \
	  echo "fuzz $$target" && RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run "$$target" -- -max_total_time=$(FUZZ_SECONDS) $(FUZZ_ARGS) || exit 1; \
	done

install:
	$(CARGO) build --quiet -p k8sboot-ffi --profile $(PROFILE) --target-dir $(TARGET_DIR) $(if $(FEATURES),--features $(FEATURES))
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)
	install -m 0755 $(BUILT)/libk8sboot.so $(DESTDIR)$(LIBDIR)/libk8sboot.so.$(VERSION)
	ln -sf libk8sboot.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libk8sboot.so.$(ABI)
	ln -sf libk8sboot.so.$(ABI) $(DESTDIR)$(LIBDIR)/libk8sboot.so
	install -m 0644 $(BUILT)/libk8sboot.a $(DESTDIR)$(LIBDIR)/libk8sboot.a
	install -m 0644 include/k8sboot.h $(DESTDIR)$(INCLUDEDIR)/k8sboot.h
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|' \
	  k8sboot-ffi/k8sboot.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/k8sboot.pc

header:
	K8SBOOT_BLESS=1 $(CARGO) test -p k8sboot-ffi --test header

# A process that lives for a millisecond must not spend it on loading: static, at a fixed address, without unwinding.
plugin:
	$(CARGO) rustc --quiet -p k8sboot-examples --no-default-features --bin k8sboot-ipam --profile plugin --target $(HOST) --target-dir $(TARGET_DIR) \
	  -- -C target-feature=+crt-static -C relocation-model=static
	install -d $(STAGE)
	install -m 0755 $(TARGET_DIR)/$(HOST)/plugin/k8sboot-ipam $(STAGE)/k8sboot-ipam

stage:
	@$(MAKE) --no-print-directory --silent install PROFILE=dev FEATURES= PREFIX=$(STAGE) DESTDIR=

examples: stage
	for example in token init ipam; do \
	  $(CC) -std=c11 -Wall -Wextra -Werror -pedantic -I$(STAGE)/include examples/c/$$example.c \
	    -o $(STAGE)/$$example-example -L$(STAGE)/lib -lk8sboot -Wl,-rpath,$(STAGE)/lib || exit 1; \
	done

go-test:
	@.ci/go-test
