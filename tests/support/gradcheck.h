// Where tests find the numeric derivatives that the library offers to everybody.
#pragma once
#include <tapedeck/tape/gradcheck.h>
