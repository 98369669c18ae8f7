/// Any bytes, given to the JSON reader: it must neither crash nor disagree with itself or with Foundation.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSONReader(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = Array(UnsafeBufferPointer(start: start, count: count))
  if let violation = JSONAgreement.violation(of: text) { fatalError(violation) }
  return 0
}
