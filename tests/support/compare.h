// Where tests find the comparison of tensors that the library offers to everybody.
#pragma once
#include <tapedeck/tensor/compare.h>
