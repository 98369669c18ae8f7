import CCurl

/// A multi handle, with what its connections share.
final class CurlMulti {
  private let handle: UnsafeMutableRawPointer
  private let share: UnsafeMutableRawPointer
  private var members: [UnsafeMutableRawPointer: CurlEasy] = [:]

  init() throws(HTTPClientError) {
    guard let handle = curl_multi_init() else { throw Self.outOfMemory }
    guard let share = curl_share_init() else {
      curl_multi_cleanup(handle)
      throw Self.outOfMemory
    }
    self.handle = handle
    self.share = share
    curl_share_set_shared(share, CURL_LOCK_DATA_SSL_SESSION)
    // Kept connections count as idle ones to libcurl, which by default keeps four a handle and closes the oldest.
    curl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, 65_536)
  }

  deinit {
    for easy in members.values { curl_multi_remove_handle(handle, easy.handle) }
    members = [:]
    curl_multi_cleanup(handle)
    curl_share_cleanup(share)
  }

  private static var outOfMemory: HTTPClientError {
    HTTPClientError(.other, tried: "start", host: "libcurl", message: "out of memory")
  }

  func add(_ easy: CurlEasy, url: HTTPURL) throws(HTTPClientError) {
    try easy.check(easy.share(share), tried: "connect", host: url.origin)
    let code = curl_multi_add_handle(handle, easy.handle)
    guard code == CURLM_OK else {
      throw HTTPClientError(
        .other, code: Int(code.rawValue), tried: "connect", host: url.origin,
        message: String(cString: curl_multi_strerror(code)))
    }
    easy.isAdded = true
    members[easy.handle] = easy
  }

  /// Lets the handle go: a connection that is the caller's is closed, that of a request is kept for the next one. Does
  /// nothing the second time.
  func remove(_ easy: CurlEasy) {
    guard easy.isAdded else { return }
    easy.isAdded = false
    curl_multi_remove_handle(handle, easy.handle)
    members[easy.handle] = nil
    // What is shared can only be freed when nobody holds it.
    _ = easy.share(nil)
  }

  /// Moves every transfer on without waiting; returns those that ended, and how.
  func progress() -> [(easy: CurlEasy, code: CURLcode)] {
    var running: Int32 = 0
    curl_multi_perform(handle, &running)
    var ended: [(easy: CurlEasy, code: CURLcode)] = []
    var left: Int32 = 0
    while let message = curl_multi_info_read(handle, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = members[message.pointee.easy_handle] else { continue }
      ended.append((easy, curl_message_result(message)))
    }
    return ended
  }

  /// Waits for any of its sockets, or for `descriptor` to become readable; true if it did.
  @discardableResult
  func wait(milliseconds: Int, besides descriptor: Int32?) -> Bool {
    var ready: Int32 = 0
    if let descriptor {
      var besides = curl_waitfd(fd: descriptor, events: Int16(CURL_WAIT_POLLIN), revents: 0)
      curl_multi_poll(handle, &besides, 1, Int32(clamping: milliseconds), &ready)
      return besides.revents != 0
    }
    curl_multi_poll(handle, nil, 0, Int32(clamping: milliseconds), &ready)
    return false
  }
}
