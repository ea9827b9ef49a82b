// Fills the menu of the instruction set that this file is compiled for.
#include "variant.h"
#include "dispatch.h"

#define TAPEDECK_TEXT_(x) #x
#define TAPEDECK_TEXT(x) TAPEDECK_TEXT_(x)

namespace tapedeck::kernels::inline TAPEDECK_ISA {
namespace {

template <class T>
Menu<T> make_menu(GemmBackend backend) {
  Menu<T> menu;
  menu.instruction_set = TAPEDECK_TEXT(TAPEDECK_ISA);
  offer_elementwise(menu);
  offer_reduce(menu);
  offer_summary(menu);
  offer_softmax(menu);
  offer_losses(menu);
  offer_norm(menu);
  offer_layout(menu);
  offer_tables(menu);
  offer_attention(menu);
  offer_ragged(menu);
  offer_rotary(menu);
  offer_random(menu);
  offer_optimizer(menu);
  offer_roofline(menu);
  offer_bf16_gemm(menu);
  if (backend == GemmBackend::native) offer_native_gemm(menu);
  else offer_openblas_gemm(menu);
  return menu;
}

}  // namespace

Menu<float> menu_f32(GemmBackend backend) { return make_menu<float>(backend); }
Menu<double> menu_f64(GemmBackend backend) { return make_menu<double>(backend); }

}  // namespace tapedeck::kernels::inline TAPEDECK_ISA
