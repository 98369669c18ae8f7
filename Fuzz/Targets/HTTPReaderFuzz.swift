/// Any bytes, given to the HTTP reader as requests and as responses, whole, byte by byte and cut at places that the bytes
/// themselves choose: what comes of them must be the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHTTPReader(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  let sum = input.reduce(5381) { ($0 &* 33 ^ Int($1)) & 0xFFFF_FFFF }
  let cuts = [sum, sum >> 8, sum >> 16].map { $0 % (count + 1) }
  if let violation = HTTPAgreement.violation(of: input, cuts: cuts) { fatalError(violation) }
  return 0
}
