/** Events for `for await`. Of more than `buffer` that wait the oldest are dropped, and `onDrop` is told how many. */
export const iterate = (subscribe, filter, { buffer = 10_000, ...how } = {}, onDrop) => {
  const queue = [];
  let dropped = 0;
  let isDone = false;
  let wakeReader;
  const append = (event) => {
    if (queue.push(event) > buffer) {
      queue.shift();
      dropped += 1;
    }
    wakeReader?.();
  };
  const end = () => {
    isDone = true;
    wakeReader?.();
  };
  const undo = subscribe(filter, append, { ...how, end });
  return (async function* () {
    try {
      for (;;) {
        if (dropped) onDrop(dropped);
        dropped = 0;
        if (queue.length) yield queue.shift();
        else if (isDone) return;
        else await new Promise((resolve) => (wakeReader = resolve));
      }
    } finally {
      undo();
    }
  })();
};
