import LambdaRuntime
import TickertapeHandlers

LambdaRuntime.run(try Parcels(publisher: EventPublisher()))
