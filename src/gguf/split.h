// A model that is split into several files, as llama.cpp's gguf-split does it: their headers go in, one after the
// other, and the header of one file comes out, whose tensor data are those of all files in succession.
#pragma once

#include "gguf/gguf.h"

namespace camelgpt {

struct GgufSplit {
  uint32_t files = 0;         // 0 before the first header is complete; 1: the model is not split
  uint32_t headers = 0;       // of them complete
  uint64_t tensors = 0;       // in all files together, as the first one says
  uint64_t header_bytes = 0;  // of the complete headers together
  uint64_t data_bytes = 0;    // that follow the last complete header, up to the end of the file's last tensor
};

// The first header is complete. Where others follow, it is made that of the file of all files: it begins with all
// headers, and a tensor's offset counts what lies between headers and data too. kBadInput for a file that is not the
// first of its model.
Status gguf_split_begin(GgufHeader* first, GgufSplit* split);

// The header of the next file is complete: its tensors join the others. After the last one all are compared with one
// another. kBadInput for a file that is not the next of this model.
Status gguf_split_add(const GgufHeader& next, GgufHeader* whole, GgufSplit* split);

}  // namespace camelgpt
