// Main program of the unit tests; every test_*.cpp in the folders beside this file is linked into it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "doctest/doctest.h"
