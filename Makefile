# Makefile: the front door. Meson does the work; each target here is one thing that people want done.
# `make help` lists them.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
BUNDLE ?= rocmforge-bundle
# Further arguments for meson setup, such as -Dwerror=true.
OPTIONS ?=
# The GPU that make test-gpu uses, such as cuda:1; nothing is the best there is.
DEVICE ?=
# Arguments for the program that make demo runs.
DEMO ?= run -p "Once upon a time" --seed 7

PROGRAM := $(BUILD)/src/cli/rocmforge
SANITIZE := -Doptimization=1 -Db_lundef=false
# A sanitizer's finding fails the test that caused it.
export ASAN_OPTIONS ?= detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS ?= halt_on_error=1

.PHONY: all demo test test-gpu bench check kernels sanitize sanitize-thread bundle install clean help

all:
	@tools/install-dependencies.sh --check build test
	@tools/build.sh $(BUILD) installed $(OPTIONS)

demo:
	@tools/install-dependencies.sh build test
	@tools/install-dependencies.sh --try kernels
	@tools/build.sh $(BUILD) installed $(OPTIONS)
	@$(PROGRAM) $(DEMO)

test:
	@tools/install-dependencies.sh build test
	@tools/install-dependencies.sh --try kernels
	@tools/build.sh $(BUILD) all $(OPTIONS)
	@tools/test.sh $(BUILD)

# What make test runs on the CPU and on emulated GPUs, on a card. Where there is none all is skipped, which is no success.
test-gpu:
	@tools/install-dependencies.sh build test
	@tools/install-dependencies.sh --try kernels
	@tools/build.sh $(BUILD) all $(OPTIONS)
	@tools/test.sh $(BUILD) --suite gpu $(if $(DEVICE),--test-args='--device $(DEVICE)')

bench:
	@tools/install-dependencies.sh build test
	@tools/build.sh $(BUILD) all $(OPTIONS)
	@meson test -C $(BUILD) --benchmark --verbose

check:
	@tools/install-dependencies.sh build test check
	@tools/build.sh $(BUILD) installed $(OPTIONS)
	@tools/check.sh $(BUILD)

# Whether the kernels compile for every GPU that there are any for.
kernels:
	@tools/install-dependencies.sh build kernels
	@[ -f $(BUILD)-kernels/build.ninja ] || meson setup $(BUILD)-kernels -Dgpu=enabled -Dgpu_targets=all \
	    -Dgpu_check=true -Dgpu_emulated=false -Dtests=false $(OPTIONS)
	@tools/check_kernels.sh $(BUILD)-kernels

sanitize:
	@tools/install-dependencies.sh build test
	@tools/install-dependencies.sh --try kernels
	@tools/build.sh $(BUILD)-sanitize all -Db_sanitize=address,undefined $(SANITIZE) $(OPTIONS)
	@tools/test.sh $(BUILD)-sanitize --timeout-multiplier 5

# The suites in which several threads run at once.
sanitize-thread:
	@tools/install-dependencies.sh build test
	@tools/install-dependencies.sh --try kernels
	@tools/build.sh $(BUILD)-thread all -Db_sanitize=thread $(SANITIZE) $(OPTIONS)
	@tools/test.sh $(BUILD)-thread --timeout-multiplier 10 \
	    --suite base --suite device --suite memory --suite kernels --suite model --suite engine --suite faults

# A folder that runs elsewhere, with kernels for every GPU that there are any for.
bundle:
	@tools/install-dependencies.sh build kernels
	@tools/build.sh $(BUILD)-bundle installed -Dgpu=enabled -Dgpu_targets=all -Dtests=false $(OPTIONS)
	@tools/bundle.sh $(BUILD)-bundle $(BUNDLE)

install: all
	@meson configure $(BUILD) --prefix=$(abspath $(PREFIX))
	@tools/build.sh $(BUILD) installed
	@DESTDIR="$(DESTDIR)" meson install --no-rebuild -C $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-thread $(BUILD)-kernels $(BUILD)-bundle $(BUNDLE)

help:
	@echo 'make                  build the library and the command, in $(BUILD)/'
	@echo 'make demo             install what is missing, build, and let the demo model tell a story'
	@echo 'make test             install what is missing, build, and run every test that needs no GPU'
	@echo 'make test-gpu         build, and run the tests that need a GPU, on the best one or on DEVICE'
	@echo 'make bench            measure'
	@echo 'make check            format, layers and style, clang-tidy'
	@echo 'make kernels          whether the kernels of all GPUs compile'
	@echo 'make sanitize         the tests under the address and undefined behaviour sanitizers'
	@echo 'make sanitize-thread  the concurrent tests under the thread sanitizer'
	@echo 'make bundle           a folder, $(BUNDLE)/, that runs on other machines, with kernels for all GPUs'
	@echo 'make install          install to PREFIX ($(PREFIX)), below DESTDIR if that is set'
	@echo 'make clean            remove the build folders'
	@echo
	@echo 'Variables: BUILD, PREFIX, DESTDIR, OPTIONS (for meson setup), DEMO (arguments for make demo),'
	@echo 'DEVICE (for make test-gpu, an ID as in rocmforge devices)'
