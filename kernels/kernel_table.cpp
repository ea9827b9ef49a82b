// Fills the table of the instruction set that this file is compiled for.
#include "dispatch.h"
#include "own.h"
#include "variant.h"

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

template <class T>
KernelTable<T> make_table(GemmBackend backend) {
  KernelTable<T> table;
  table.instruction_set = TAPEDECK_TEXT(TAPEDECK_ISA);
  register_elementwise(table);
  register_reduce(table);
  register_summary(table);
  register_softmax(table);
  register_losses(table);
  register_norm(table);
  register_layout(table);
  register_tables(table);
  register_attention(table);
  register_ragged(table);
  register_random(table);
  register_optimizer(table);
  register_roofline(table);
  register_bf16_gemm(table);
  if (backend == GemmBackend::native) register_native_gemm(table);
  else register_openblas_gemm(table);
  return table;
}

}  // namespace

KernelTable<float> table_f32(GemmBackend backend) { return make_table<float>(backend); }
KernelTable<double> table_f64(GemmBackend backend) { return make_table<double>(backend); }

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
