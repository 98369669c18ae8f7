/// Any bytes, given to a server's WebSocket session whole and cut at places that the bytes themselves choose, beside others
/// that share its codec: what comes of them must be the same, and nobody else may be harmed.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzWebSocketFrames(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  let sum = input.reduce(5381) { ($0 &* 33 ^ Int($1)) & 0xFFFF_FFFF }
  let cuts = [sum, sum >> 8, sum >> 16].map { $0 % (count + 1) }
  if let violation = FrameAgreement.violation(of: input, cuts: cuts) { fatalError(violation) }
  return 0
}
