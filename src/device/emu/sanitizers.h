/*
 * sanitizers.h: what the emulated device tells the sanitizers, where it is built with them: which
 * bytes are nobody's, and which stack is in use. Nothing in other builds.
 */
#ifndef RF_DEVICE_EMU_SANITIZERS_H
#define RF_DEVICE_EMU_SANITIZERS_H

#if defined(__SANITIZE_ADDRESS__)
#define EMU_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMU_ASAN 1
#endif
#endif

#ifdef EMU_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define EMU_POISON(memory, bytes)   __asan_poison_memory_region(memory, bytes)
#define EMU_UNPOISON(memory, bytes) __asan_unpoison_memory_region(memory, bytes)
/* Of functions that look at poisoned bytes: they may not call memcpy and its kind either. */
#define EMU_SEES_POISON __attribute__((no_sanitize("address"), noinline))
#else
#define EMU_POISON(memory, bytes)   ((void)(memory), (void)(bytes))
#define EMU_UNPOISON(memory, bytes) ((void)(memory), (void)(bytes))
#define EMU_SEES_POISON
#endif

/* Of functions from which fibers are switched: the thread sanitizer counts calls and returns of a
 * thread, and has to see as many of one as of the other. Kernels are built without it. */
#define EMU_SWITCHES __attribute__((no_sanitize("thread")))

#endif
