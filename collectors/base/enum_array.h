// SPDX-License-Identifier: Apache-2.0
#ifndef CNPROC_COLLECTORS_BASE_ENUM_ARRAY_H_
#define CNPROC_COLLECTORS_BASE_ENUM_ARRAY_H_

#include <array>
#include <cstddef>

namespace cnproc {

// A std::array whose index is an enumerator: one element for each of the first kSize, from 0 on.
template <typename Enum, typename T, size_t kSize>
class EnumArray : public std::array<T, kSize> {
 public:
  using Base = std::array<T, kSize>;
  using Base::operator[];
  constexpr T& operator[](Enum index) { return Base::operator[](static_cast<size_t>(index)); }
  constexpr const T& operator[](Enum index) const {
    return Base::operator[](static_cast<size_t>(index));
  }
};

}  // namespace cnproc

#endif  // CNPROC_COLLECTORS_BASE_ENUM_ARRAY_H_
