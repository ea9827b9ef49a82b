// Softmax and pair losses whose partners are learned class vectors. The first two take cosines [n,classes], so that a head can
// own the class vectors; normalize(x) times normalize(w) transposed makes them. Next: src/losses/proxies.cpp.
//
// Hard cases: a negative label switches a row off; no labelled row is 0; at cosine 1 and -1 the angle of arc_face has gradient 0.
#pragma once
#include <tapedeck/losses/classification.h>

namespace tapedeck {

/// Cross-entropy of scale * c, with c_y = cos(theta_y + margin); beyond theta_y = pi - margin it goes on as
/// cos theta_y - margin sin margin, so that it always falls (ArcFace, Deng et al. 2019, eq. 3 and published code).
Tensor arc_face(const Tensor& cosines /*[n,c]*/, const Tensor& labels, double margin = 0.5, double scale = 64,
                const RowWeights& average = {});
/// Cross-entropy of scale * c, with c_y = cos theta_y - margin (CosFace, Wang et al. 2018, eq. 4).
Tensor cos_face(const Tensor& cosines /*[n,c]*/, const Tensor& labels, double margin = 0.35, double scale = 64,
                const RowWeights& average = {});
/// Mean over proxies with positives of log(1 + sum_{x+} e^{-scale (s - margin)}) plus mean over all proxies of
/// log(1 + sum_{x-} e^{scale (s + margin)}), s = cos(x, proxy) (Proxy Anchor, Kim et al. 2020, eq. 4).
Tensor proxy_anchor(const Tensor& x /*[n,d]*/, const Tensor& proxies /*[c,d]*/, const Tensor& labels, double margin = 0.1,
                    double scale = 32);

}  // namespace tapedeck
