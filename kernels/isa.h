// Names the inner namespace of the instruction set that a source is being compiled for, so that the same code in
// three variants never shares a symbol. Headers used elsewhere (unary.h, math.h) fall back to "portable".
#pragma once

#ifndef TAPEDECK_ISA
#define TAPEDECK_ISA portable
#endif

/// Small functions in shared headers are always inlined: an out-of-line copy compiled for AVX-512 must never be the
/// one that the linker keeps for everybody.
#define TAPEDECK_INLINE [[gnu::always_inline]] inline
