// The page: a client, what it shows, and when it is drawn.

import { connect } from './client/index.js';
import { createDetail } from './detail.js';
import { createPrices } from './prices.js';
import { createTable } from './table.js';
import { clockTime, count, losses, stateWords } from './words.js';

const type = 'price:update';
const find = (id) => document.getElementById(id);
const prices = createPrices();
const table = createTable(find('symbols'), (symbol) => choose(symbol, true));
const detail = createDetail(find, () => draw());

// Drawing: whatever changed since the last frame, and not longer than a frame may take.

const frameMilliseconds = 8;
const changed = new Set();
let isAsked = false;
let colours;

const readColours = () => {
  const style = getComputedStyle(document.documentElement);
  colours = Object.fromEntries(['up', 'down', 'soft', 'line', 'accent'].map((name) => [name, style.getPropertyValue(`--${name}`)]));
  table.staleAll();
  detail.changed();
  draw();
};
const draw = () => {
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(() => {
    isAsked = false;
    const end = performance.now() + frameMilliseconds;
    for (const symbol of changed) {
      if (performance.now() > end) break;
      changed.delete(symbol);
      table.update(symbol);
      detail.changed(symbol);
    }
    if (!detail.symbol) chooseFirst();
    table.draw(colours);
    detail.draw(colours);
    if (counted !== table.order.length) showCount();
    if (changed.size) draw();
  });
};

// Choosing

const isWide = matchMedia('(min-width: 60rem)');

const choose = (symbol, isAsked) => {
  table.choose(symbol);
  detail.show(symbol);
  if (!isAsked) return;
  history.replaceState(null, '', `#${encodeURIComponent(symbol.key)}`);
  if (!isWide.matches) find('detail').scrollIntoView({ block: 'start' });
};
const named = () => {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return '';
  }
};
/** The one that the address names; where there is room for a chart, else the first. */
const chooseFirst = () => {
  const symbol = prices.all.get(named()) ?? (isWide.matches && !named() ? table.order[0]?.symbol : undefined);
  if (symbol && symbol.bars.length) choose(symbol, false);
};
addEventListener('hashchange', () => {
  const symbol = prices.all.get(named());
  if (symbol && symbol !== detail.symbol) choose(symbol, false);
});

// Search

const search = find('search');
let counted = 0;
const showCount = () => {
  counted = table.order.length;
  const left = table.search(search.value);
  find('count').textContent = search.value ? `${count(left)} of ${count(prices.all.size)}` : `${count(prices.all.size)} symbols`;
  showEmpty(left);
};
search.addEventListener('input', () => {
  showCount();
  draw();
});
search.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown') {
    event.preventDefault();
    table.focusFirst();
  } else if (event.key === 'Escape') {
    search.value = '';
    showCount();
    draw();
  }
});
find('find').addEventListener('submit', (event) => {
  event.preventDefault();
  table.focusFirst();
});
addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.('input')) return;
  event.preventDefault();
  search.focus();
});

// What is told of the connection

let client;
let status = { state: 'connecting', reconnects: 0, latency: null, transport: null };
/** Handshakes that failed one after the other while the gateway answered. */
let refusals = 0;
let wasLive = false;
let newest;
const lost = { missed: 0, isUnknown: false, folded: 0, passedOver: 0 };

/** To a screen reader, and to nobody else: how the connection is, at most every three seconds. */
let saying;
const say = (words) => {
  clearTimeout(saying);
  saying = setTimeout(() => (find('said').textContent = words), wasLive ? 3_000 : 0);
};

const showEmpty = (left) => {
  const isRefused = refusals > 1;
  find('empty').hidden = left > 0 && !isRefused;
  if (find('empty').hidden) return;
  find('key-form').hidden = !isRefused;
  const [words, command] = isRefused
    ? ['The gateway answers, but does not let this page in: it asks for a key. This command, in the project’s folder, prints one.',
      '.build/release/tickertape keys create --user page --role viewer']
    : prices.all.size ? [`No symbol has “${search.value}” in its name. Escape clears the search.`]
    : status.state === 'live'
      ? ['Connected, and no price has come yet. Prices come from a feed, such as this one, in the project’s folder:',
        `.build/release/tickertape feed Data/*.csv --rate 50 --key symbol --loop --endpoint ${location.origin}`]
      : status.state === 'waiting' ? ['The gateway does not answer. `make run` starts it; this page then goes on by itself.']
      : ['Connecting to the gateway …'];
  if (find('empty-text').textContent !== words) find('empty-text').textContent = words;
  find('empty-command').hidden = !command;
  find('empty-command').textContent = command ?? '';
};

let retryAt = 0;
const showBanner = () => {
  const isAway = wasLive && status.state !== 'live';
  find('banner').hidden = !isAway;
  if (!isAway) return;
  const seconds = Math.ceil((retryAt - performance.now()) / 1000);
  const next = status.state !== 'waiting' ? 'Connecting …' : seconds > 0 ? `The next attempt is in ${seconds} s.` : 'Connecting …';
  const age = newest ? ` The prices below are those of ${clockTime(newest)}.` : '';
  find('banner').textContent = `Offline.${age} What was missed is fetched when the gateway is there again. ${next}`;
};
setInterval(showBanner, 1_000);

const showStatus = (now) => {
  if (now.state === 'waiting') retryAt = performance.now() + (now.retryInMilliseconds ?? 0);
  if (now.state === 'live') {
    refusals = 0;
    wasLive = true;
    known = asked;
  } else if (now.state === 'waiting' && now.reason?.code === 'unreachable') {
    // What cannot be asked for its health is not there; what can be has refused the handshake.
    refusals = now.reason.error ? 0 : refusals + 1;
  }
  if (now.state !== status.state && (now.state === 'live' || status.state === 'live')) {
    say(now.state === 'live' ? `Connected. ${losses(lost)}.` : 'Connection lost. The prices are not live.');
  }
  status = now;
  find('state').textContent = stateWords[now.state];
  find('state').dataset.state = now.state;
  find('transport').textContent = now.transport === 'websocket' ? 'WebSocket' : '–';
  find('latency').textContent = now.latency === null ? '–' : `${Math.max(1, Math.round(now.latency))} ms`;
  find('reconnects').textContent = count(now.reconnects);
  document.title = now.state === 'live' ? 'Tickertape' : `Tickertape (${stateWords[now.state]})`;
  showBanner();
  showEmpty(counted);
};
const lose = (name, number) => {
  lost[name] += number;
  find('losses').textContent = losses(lost);
};

// The connection. The gateway says which stage it serves, and what it shows.

const user = `page-${Math.random().toString(36).slice(2, 10)}`;
let key = '';
/** Where it was live: tried again without asking, as the browser may ask over a connection that is lost. */
let known;
let asked;

const address = async () => {
  const before = known;
  known = undefined;
  if (before) return before;
  const signal = AbortSignal.timeout(5_000);
  const answer = await fetch('./', { headers: { Accept: 'application/json' }, cache: 'no-store', signal });
  if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`);
  const { stage, about } = await answer.json();
  if (typeof about === 'string') find('about').textContent = `${about}.`;
  const query = key ? { apiKey: key } : { userId: user };
  return (asked = `/${encodeURIComponent(stage)}?${new URLSearchParams(query)}`);
};

const shown = (event) => {
  const symbol = prices.take(event);
  if (!symbol) return lose('passedOver', 1);
  newest = new Date();
  changed.add(symbol);
  const { date, pass } = symbol.dated;
  const now = date ? `Now at ${date}${pass ? `, pass ${pass}` : ''}.` : '';
  if (find('now').textContent !== now) find('now').textContent = now;
  return draw();
};

const begin = () => {
  client?.close();
  client = connect(address);
  client.subscribe({ types: type }, shown);
  client.on('status', showStatus);
  client.on('gap', ({ missed }) => {
    if (missed === null) lost.isUnknown = true;
    lose('missed', missed ?? 0);
  });
  client.on('folded', ({ folded }) => lose('folded', folded));
  client.on('diagnostic', () => lose('passedOver', 1));
};
find('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  key = find('key').value.trim();
  find('key').value = '';
  refusals = 0;
  known = undefined;
  begin();
});
// The latency of a while ago says little.
setInterval(() => document.visibilityState === 'visible' && status.state === 'live' && client.probe(), 30_000);

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', readColours);
table.onStale(draw);
readColours();
begin();
