/// The deliveries that were read and not begun, a page after the other.
struct DeliveryPages {
  private var pages: [[PendingDelivery]] = []
  /// Where the rest of the first page begins.
  private var offset = 0
  /// How many are left.
  private(set) var count = 0

  mutating func add(_ page: [PendingDelivery]) {
    guard !page.isEmpty else { return }
    pages.append(page)
    count += page.count
  }

  mutating func popFirst() -> PendingDelivery? {
    guard let page = pages.first else { return nil }
    let delivery = page[offset]
    offset += 1
    count -= 1
    if offset == page.count {
      pages.removeFirst()
      offset = 0
    }
    return delivery
  }
}
