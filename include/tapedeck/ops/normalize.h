// Rows of length 1, composed of ops. Its own header because only cosines need it.
#pragma once
#include <tapedeck/ops/ops.h>

namespace tapedeck {

/// Rows divided by their Euclidean length, whatever its magnitude. A row of zeros (or of numbers below the smallest normal one)
/// has no direction: it stays 0, is similar to nothing (cosine 0) and receives gradient 0. NaN and infinity give NaN.
Tensor normalize(const Tensor& x /*[n,d]*/);

}  // namespace tapedeck
