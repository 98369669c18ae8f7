/// Any bytes, given to the reader of API Gateway's events: it must neither crash nor disagree with the writer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzGatewayEvents(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  if let violation = GatewayEventAgreement.violation(of: input) { fatalError(violation) }
  return 0
}
