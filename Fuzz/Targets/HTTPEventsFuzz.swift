/// Any bytes, given to the reader of requests over HTTP: it must neither crash nor disagree with the writer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHTTPEvents(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  if let violation = HTTPEventAgreement.violation(of: input) { fatalError(violation) }
  return 0
}
