// The headers of a model split into several files by llama.cpp's gguf-split → the header of one file that has the
// tensor data of all of them in succession.
#pragma once

#include "gguf/gguf.h"

namespace camelgpt {

struct GgufSplit {
  uint32_t files = 0;         // 0 before the first header is complete; 1: the model is not split
  uint32_t headers = 0;       // complete so far
  uint64_t tensors = 0;       // in all files, according to the first
  uint64_t header_bytes = 0;  // total of the complete headers
  uint64_t data_bytes = 0;    // from the end of the last complete header to the end of that file's last tensor
};

// Starts with the complete header of the first file. If other files follow, `first` becomes the header of a combined
// file: first all headers, then what follows each header (padding and tensor data), which tensor offsets count.
// kBadInput if the file is not the first of its model.
Status gguf_split_begin(GgufHeader* first, GgufSplit* split);

// Adds the tensors of the next file, whose header is complete. After the last file, checks that tensor names are
// unique. kBadInput if the file is not the next of this model, kBadFormat if the files do not add up to one model.
Status gguf_split_add(const GgufHeader& next, GgufHeader* whole, GgufSplit* split);

}  // namespace camelgpt
