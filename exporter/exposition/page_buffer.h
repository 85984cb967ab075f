// SPDX-License-Identifier: Apache-2.0
// What a page of a megabyte is written into, in hundreds of thousands of pieces.
#ifndef CNPROC_EXPORTER_EXPOSITION_PAGE_BUFFER_H_
#define CNPROC_EXPORTER_EXPOSITION_PAGE_BUFFER_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace cnproc {

// As std::string, but that a piece is appended without a call: that would cost more than to copy
// its few bytes. Not thread safe.
class PageBuffer {
 public:
  // Grows beyond, at the price of a copy.
  explicit PageBuffer(size_t expected_bytes) : bytes_(expected_bytes, '\0') {}

  PageBuffer& operator+=(std::string_view piece) {
    MakeRoom(piece.size());
    std::memcpy(bytes_.data() + size_, piece.data(), piece.size());
    size_ += piece.size();
    return *this;
  }
  PageBuffer& operator+=(char byte) {
    MakeRoom(1);
    bytes_[size_++] = byte;
    return *this;
  }
  void Insert(size_t place, char byte) {
    MakeRoom(1);
    std::memmove(bytes_.data() + place + 1, bytes_.data() + place, size_ - place);
    bytes_[place] = byte;
    ++size_;
  }
  char& operator[](size_t place) { return bytes_[place]; }
  size_t size() const { return size_; }

  // Leaves it empty.
  std::string Take() {
    bytes_.resize(std::exchange(size_, 0));
    return std::exchange(bytes_, {});
  }

 private:
  void MakeRoom(size_t bytes) {
    if (bytes > bytes_.size() - size_) Grow(bytes);
  }
  // Inlined, it would keep the callers from being so.
  [[gnu::noinline]] void Grow(size_t bytes) {
    bytes_.resize(std::max(2 * bytes_.size(), size_ + bytes));
  }

  std::string bytes_;  // the page, then room
  size_t size_ = 0;
};

}  // namespace cnproc

#endif  // CNPROC_EXPORTER_EXPOSITION_PAGE_BUFFER_H_
