// The table: every kernel once, with its shapes. A kernel sees pointers and sizes, never tensors. `KernelTable<float>`
// and `KernelTable<double>` are filled by one instruction-set variant, chosen once at start. Next: dispatch.h, README.md.
//
// Conventions: matrices are row-major and contiguous; [r,c] is r rows of c; `accumulate` adds into the output
// instead of overwriting it; an output pointer that may be null is marked "or null". Work is cut by shape only.
#pragma once
#include <cstdint>

#include <tapedeck/kernels/unary_table.h>

namespace tapedeck::kernels {

enum class Unary : uint8_t {
#define TAPEDECK_UNARY_NAME(name, ...) name,
  TAPEDECK_UNARY_OPS(TAPEDECK_UNARY_NAME)
#undef TAPEDECK_UNARY_NAME
      negate,
  pow /*a: exponent*/,
  clamp /*a: low, b: high*/,
  inside /*a <= x <= b*/,
  scale /*a*/,
  add_scalar /*a*/,
  count
};
enum class Binary : uint8_t { add, subtract, multiply, divide };
/// How b meets a of shape [rows, cols]: b is [rows,cols], [cols], [rows,1] or one number.
enum class Broadcast : uint8_t { same, row, column, scalar };
enum class Reduce : uint8_t { sum, mean, max };
enum class Activation : uint8_t { none, relu, gelu_erf, gelu_tanh, silu, tanh };

struct Dropout {  // p == 0 switches it off; element e of the buffer uses draw `first + e` of `key`
  double p = 0;
  uint64_t key = 0;
  uint64_t first = 0;
};

struct Gemm {  // C[m,n] = op(A)[m,k] op(B)[k,n]; a_transposed: A is stored [k,m]; b_transposed: B is [n,k]
  int64_t m = 0, n = 0, k = 0;
  bool a_transposed = false, b_transposed = false, accumulate = false;
};
template <class T>
struct Epilogue {           // applied to each element of C once its sum is complete; not combined with accumulate
  const T* bias = nullptr;  // [n] or null
  Activation activation = Activation::none;
  T* before_activation = nullptr;  // [m,n] or null: keeps the value that the backward pass needs
};

/// Sequences packed one after another. Sequence b owns query rows q_offsets[b] .. q_offsets[b+1] and key rows
/// k_offsets[b] .. k_offsets[b+1] (for self-attention the two are the same array). Head h owns columns
/// h*head_dim .. (h+1)*head_dim. Row strides are in elements, so q, k, v may be thirds of one [T,3d] buffer.
struct Attention {
  int64_t sequences = 0, heads = 1, head_dim = 1;
  const int32_t* q_offsets = nullptr;  // [sequences+1]
  const int32_t* k_offsets = nullptr;  // [sequences+1]
  int64_t q_stride = 0, k_stride = 0, v_stride = 0, out_stride = 0;
  bool causal = false;  // query i sees keys 0..i (+ length difference)
  double scale = 1;     // usually 1/sqrt(head_dim)
  /// On the probabilities. The element index of pair (sequence b, head h, query i, key j) is
  /// heads * sum_{c<b} Sq_c Sk_c + (h Sq_b + i) Sk_b + j: the layout of the ragged primitives below.
  Dropout dropout;
};

struct AdamW {  // Loshchilov and Hutter, "Decoupled weight decay regularization", algorithm 2
  double lr, beta1, beta2, epsilon, weight_decay;
  double correction1, correction2;  // 1 - beta1^t, 1 - beta2^t
  double grad_scale = 1;            // clipping factor, applied to the gradient as it is read
  bool zero_grad = true;
};
struct Sgd {
  double lr, momentum, weight_decay, grad_scale = 1;
  bool nesterov = false, zero_grad = true, first_step = false;
};
/// Of the finite numbers: extremes (min > max: there are none), sum, sum of squares, zeros. first_bad: the first NaN or infinity.
struct Summary {
  double min = double(__builtin_inff()), max = -double(__builtin_inff()), sum = 0, squares = 0;
  int64_t zeros = 0, nan = 0, infinite = 0, first_bad = -1;
};

template <class T>
struct KernelTable {
  const char* instruction_set = "";

  // elementwise -----------------------------------------------------------------------------------------------------
  void (*fill)(int64_t n, T value, T* y);
  void (*unary)(Unary, double a, double b, int64_t n, const T* x, T* y);
  /// dx (+)= dy * f'(x); y = f(x) is given because many derivatives are short in it.
  void (*unary_backward)(Unary, double a, double b, int64_t n, const T* x, const T* y, const T* dy, T* dx, bool accumulate);
  void (*binary)(Binary, Broadcast, int64_t rows, int64_t cols, const T* a, const T* b, T* y, bool accumulate);
  void (*add_scaled)(int64_t n, double alpha, const T* x, T* y);  // y += alpha x
  void (*where)(int64_t n, const uint8_t* condition, const T* a, const T* b, T* y);
  void (*dropout)(int64_t n, Dropout, const T* x, T* y, bool accumulate);  // forward and backward alike

  // reduce: x[outer, axis, inner] -> y[outer, inner] ------------------------------------------------------------------
  void (*reduce)(Reduce, int64_t outer, int64_t axis, int64_t inner, const T* x, T* y, bool accumulate);
  /// Position of the first maximum along the axis.
  void (*argmax)(int64_t outer, int64_t axis, int64_t inner, const T* x, int32_t* index);
  /// y[outer,axis,inner] (+)= scale * x[outer,inner]: the transpose of a sum.
  void (*spread)(int64_t outer, int64_t axis, int64_t inner, double scale, const T* x, T* y, bool accumulate);
  double (*sum_squares)(int64_t n, const T* x);        // fixed tree, in double
  int64_t (*first_non_finite)(int64_t n, const T* x);  // -1: all finite
  Summary (*summarise)(int64_t n, const T* x);

  // softmax over the last axis of [rows, cols] --------------------------------------------------------------------------
  void (*softmax)(int64_t rows, int64_t cols, const T* x, T* y);
  void (*softmax_backward)(int64_t rows, int64_t cols, const T* y, const T* dy, T* dx, bool accumulate);
  void (*log_softmax)(int64_t rows, int64_t cols, const T* x, T* y);
  void (*log_softmax_backward)(int64_t rows, int64_t cols, const T* y, const T* dy, T* dx, bool accumulate);
  void (*logsumexp)(int64_t rows, int64_t cols, const T* x, T* y);
  void (*logsumexp_backward)(int64_t rows, int64_t cols, const T* x, const T* y, const T* dy, T* dx, bool accumulate);

  /// Per row: loss = -sum_c q_c log softmax(x)_c, q = (1-smooth_total) on the label + smooth_each on every class
  /// (label included), times the row's weight. weight[rows] or null; a weight of 0 ignores the row (its label may then
  /// be anything). log_normaliser[rows] is kept for the backward pass.
  void (*cross_entropy)(int64_t rows, int64_t cols, double smooth_total, double smooth_each, const T* x, const int32_t* label,
                        const T* weight, T* loss, T* log_normaliser);
  void (*cross_entropy_backward)(int64_t rows, int64_t cols, double smooth_total, double smooth_each, const T* x,
                                 const int32_t* label, const T* weight, const T* log_normaliser, const T* dloss, T* dx,
                                 bool accumulate);
  /// Per row: D = sum_c (p_c - q_c)(a_c - b_c), p = softmax(a), q = softmax(b): KL(p||q) + KL(q||p) (kexue.fm/archives/9039).
  void (*symmetric_kl)(int64_t rows, int64_t cols, const T* a, const T* b, T* divergence);
  /// da or db may be null.
  void (*symmetric_kl_backward)(int64_t rows, int64_t cols, const T* a, const T* b, const T* divergence, const T* ddivergence,
                                T* da, bool accumulate_a, T* db, bool accumulate_b);

  // layer norm over the last axis of [rows, cols] --------------------------------------------------------------------
  void (*layer_norm)(int64_t rows, int64_t cols, double epsilon, const T* x, const T* gain, const T* bias, T* y, T* mean,
                     T* rstd);
  /// dx, dgain, dbias: each may be null.
  void (*layer_norm_backward)(int64_t rows, int64_t cols, const T* x, const T* gain, const T* mean, const T* rstd, const T* dy,
                              T* dx, bool accumulate_x, T* dgain, bool accumulate_gain, T* dbias, bool accumulate_bias);
  /// sum = residual + dropout(x); y = layer_norm(sum). Post-norm keeps y only, pre-norm passes sum on as well.
  void (*residual_norm)(int64_t rows, int64_t cols, double epsilon, Dropout, const T* x, const T* residual, const T* gain,
                        const T* bias, T* sum, T* y, T* mean, T* rstd);
  /// dsum_in: gradient that reaches `sum` directly, or null. Outputs may be null; dx passes the dropout again.
  void (*residual_norm_backward)(int64_t rows, int64_t cols, Dropout, const T* sum, const T* gain, const T* mean, const T* rstd,
                                 const T* dy, const T* dsum_in, T* dx, bool accumulate_x, T* dresidual, bool accumulate_residual,
                                 T* dgain, bool accumulate_gain, T* dbias, bool accumulate_bias);

  // matrices ----------------------------------------------------------------------------------------------------------
  void (*gemm)(const Gemm&, const T* a, const T* b, T* c, const Epilogue<T>*);  // epilogue or null
  /// The same with A and B rounded to bf16 (to nearest, ties to even) and sums in f32; null where the CPU cannot.
  void (*gemm_bf16)(const Gemm&, const T* a, const T* b, T* c, const Epilogue<T>*) = nullptr;
  /// `batches` products; matrix i of A starts at a + i*a_step (0 repeats one matrix), and so on.
  void (*gemm_batched)(const Gemm&, int64_t batches, const T* a, int64_t a_step, const T* b, int64_t b_step, T* c,
                       int64_t c_step);
  /// y[a0,b0,..] = x permuted: axis i of y is axis order[i] of x. rank <= 6.
  void (*permute)(int rank, const int64_t* shape, const int* order, const T* x, T* y, bool accumulate);
  /// Copies a block: rows of `cols` elements between two strided buffers (concat, slice and their transposes).
  void (*copy_rows)(int64_t rows, int64_t cols, const T* x, int64_t x_stride, T* y, int64_t y_stride, bool accumulate);

  // tables --------------------------------------------------------------------------------------------------------------
  void (*gather)(int64_t rows, int64_t cols, const int32_t* index, const T* table, T* y);  // y[i,:] = table[index[i],:]
  /// table[index[i],:] += x[i,:] in the order of i for every row of the table.
  void (*scatter_add)(int64_t rows, int64_t cols, int64_t table_rows, const int32_t* index, const T* x, T* table,
                      bool accumulate);
  void (*pick)(int64_t rows, int64_t cols, const int32_t* column, const T* x, T* y);  // y[i] = x[i, column[i]]
  void (*pick_backward)(int64_t rows, int64_t cols, const int32_t* column, const T* dy, T* dx, bool accumulate);
  /// sum[i,:] = word[w_i] + position[p_i] + segment[s_i] (position and segment tables may be null);
  /// y = layer_norm(sum) when gain is given, else y is not written.
  void (*embedding_norm)(int64_t rows, int64_t cols, double epsilon, const T* word, const int32_t* word_index, const T* position,
                         const int32_t* position_index, const T* segment, const int32_t* segment_index, const T* gain,
                         const T* bias, T* sum, T* y, T* mean, T* rstd);

  // packed sequences ----------------------------------------------------------------------------------------------------
  /// out[i,:] per head = dropout(softmax(scale q k^T)) v, no S x S buffer in memory; log_normaliser[T_q, heads] is kept.
  void (*attention)(const Attention&, const T* q, const T* k, const T* v, T* out, T* log_normaliser);
  /// dq, dk, dv have the strides of q, k, v. One accumulate flag for all three (they are usually one buffer).
  void (*attention_backward)(const Attention&, const T* q, const T* k, const T* v, const T* out, const T* log_normaliser,
                             const T* dout, T* dq, T* dk, T* dv, bool accumulate);
  /// The three ragged primitives of the reference. scores: heads * sum_b Sq_b Sk_b numbers in the layout of Attention::dropout.
  void (*ragged_scores)(const Attention&, const T* q, const T* k, T* scores);  // scale q k^T; masked pairs: -inf
  void (*ragged_softmax)(const Attention&, const T* scores, T* probabilities);
  void (*ragged_softmax_backward)(const Attention&, const T* probabilities, const T* dy, T* dx, bool accumulate);
  void (*ragged_weighted_sum)(const Attention&, const T* probabilities, const T* v, T* out);  // out[i] = sum_j p_ij v_j
  /// out_k[j] = sum_i p_ij q_i: the transpose of the weighted sum (gradients of keys and values). Rows of q are strided by
  /// q_stride, rows of out_k (one per key) by out_stride.
  void (*ragged_weighted_sum_transposed)(const Attention&, const T* probabilities, const T* q, T* out_k);
  /// pooling: y[b,:] = mean or max over the rows of sequence b; max keeps the winning row (the first; -1
  /// for an empty sequence, whose mean is 0).
  void (*segment_mean)(int64_t sequences, int64_t cols, const int32_t* offsets, const T* x, T* y);
  void (*segment_mean_backward)(int64_t sequences, int64_t cols, const int32_t* offsets, const T* dy, T* dx, bool accumulate);
  void (*segment_argmax)(int64_t sequences, int64_t cols, const int32_t* offsets, const T* x, int32_t* row /*[B,cols]*/);

  // random and optimizer: one pass over a slab --------------------------------------------------------------------------
  void (*fill_uniform)(int64_t n, uint64_t key, uint64_t first, T low, T high, T* y);
  void (*fill_normal)(int64_t n, uint64_t key, uint64_t first, T mean, T deviation, T* y);  // Box-Muller, element i from (key, i)
  void (*adamw)(int64_t n, const AdamW&, T* w, T* grad, T* m, T* v);
  void (*sgd)(int64_t n, const Sgd&, T* w, T* grad, T* momentum /*or null*/);

  // roofline: one thread's work each (tensor/roofline.h) ------------------------------------------------------------------
  /// Multiply-adds in registers; sink[0], sink[1]: a factor below 1 and a term; writes sink[2]; returns the flops done.
  double (*fma_loop)(int64_t repeats, T* sink);
  /// The same with bf16 products added in f32; null where the variant or the CPU has no such instruction.
  double (*bf16_loop)(int64_t repeats, T* sink) = nullptr;
  void (*triad)(int64_t n, double alpha, const T* b, const T* c, T* a);  // a = b + alpha c
};

/// The table of the chosen instruction set.
template <class T>
const KernelTable<T>& kernel_table();

}  // namespace tapedeck::kernels
