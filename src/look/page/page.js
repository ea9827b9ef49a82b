'use strict';
// How the page steps, and its left side: where we are, what is alive. Text goes in through textContent, so names from a recording
// are words and nothing else. Next: record.js.
const data = JSON.parse(document.getElementById('data').textContent), {records, values, buffers, purposes} = data;
const find = id => document.getElementById(id), say = i => data.texts[i];
const colours = ['#2f5f9e', '#5f9e5a', '#c9a13b', '#b5656b', '#7c6bb0', '#8a8a8a', '#444444'];
let now = 0, revealed = false;

// What a record does not say is as in the one before.
records.forEach((r, i) => {
  for (const key of ['phase', 'scope', 'asked']) r[key] ??= records[i - 1][key];
  r.alive = purposes.map((_, k) => r['alive' + k] ?? records[i - 1].alive[k]);
});

// Elements: make('p.note', ...) is a paragraph of the class note around texts and elements; field() marks what a test reads.
function make(what, ...inside) {
  const [tag, name] = what.split('.'), e = document.createElement(tag);
  if (name) e.className = name;
  e.append(...inside);
  return e;
}
function field(name, text, tag = 'span') {
  const e = make(tag, text);
  e.dataset.field = name;
  return e;
}
function go(text, i) {
  const e = make('button', text);
  e.onclick = () => show(i);
  return e;
}
const count = n => n.toLocaleString('en');
const bytes = n => n < 1024 ? n + ' B' : n < 1048576 ? (n / 1024).toFixed(1) + ' KiB' : (n / 1048576).toFixed(2) + ' MiB';
const number = x => x === null ? 'not finite' : String(x);
const named = v => '%' + v + (values[v].name === undefined ? '' : ' ' + say(values[v].name));
const total = r => r.alive.reduce((a, b) => a + b, 0);
const called = r => say(r.op) + (r.kind === 2 ? "'" : r.kind === 4 ? '~' : '') + (say(r.with) ? '[' + say(r.with) + ']' : '');
const call = r => called(r) + r.in.map(([role, v]) => ' ' + ['', 'd', 's', '+'][role] + '%' + v).join('');

// What follows from the records: who computes a record's gradient, who reads a value as kept, what a buffer held and when.
const replies = records.map(() => []), held = buffers.map(() => []);
records.forEach((r, i) => { if (r.from !== undefined) replies[r.from].push(i); });
values.forEach((v, i) => { if (v.buffer !== undefined) held[v.buffer].push(i); });
function holds(b) {                               // what is in a buffer now; a slab holds many values
  const here = held[b].filter(v => values[v].by === undefined || values[v].by <= now);
  const places = new Set(here.map(v => values[v].at ?? 0)).size;
  return here.length === 0 ? '' : named(here.at(-1)) + (places > 1 ? ' and ' + (places - 1) + ' more' : '');
}

// ---- the head and the left side: where we are, what is alive
const most = Math.max(1, ...records.map(total));
function drawOverview() {
  const n = Math.min(records.length, 600), points = [];
  let run;
  for (let i = 0; i < n; ++i) {
    const r = records[Math.floor(i * records.length / n)], phase = say(r.phase);
    points.push(i * 600 / n + ',' + (33 - 31 * total(r) / most));
    if (!run || run.phase !== phase) find('phases').append((run = {phase, size: 0, e: make('span.' + phase)}).e);
    run.e.style.flex = String(++run.size);
    run.e.textContent = run.size > n / 22 ? phase : '';
  }
  find('line').setAttribute('points', points.join(' '));
}
function drawList() {
  const from = Math.max(0, Math.min(now - 8, records.length - 19)), rows = [];
  for (let i = from; i < Math.min(records.length, from + 19); ++i) {
    const row = make('div.row ' + say(records[i].phase), '#' + i + ' ' + call(records[i]));
    if (i === now) row.setAttribute('aria-current', 'step');
    row.onclick = () => show(i);
    rows.push(row);
  }
  find('list').replaceChildren(...rows);
}
function drawMemory() {
  const r = records[now], parts = [], legend = [make('b', field('alive', count(total(r))), ' B')];
  r.alive.forEach((n, k) => {
    if (!n) return;
    const part = make('i'), mark = make('i');
    part.style.width = 100 * n / most + '%';
    part.style.background = mark.style.background = colours[k];
    parts.push(part);
    legend.push(make('span', mark, purposes[k] + ' ', field('alive ' + purposes[k], count(n)), ' B'));
  });
  find('bar').replaceChildren(...parts);
  find('legend').replaceChildren(...legend);
  const here = [], taken = [], given = [];
  buffers.forEach(([size, , from, until], b) => {
    if (from <= now && (until < 0 || until > now)) here.push(b);
    if (from === now) taken.push(size);
    if (until === now) given.push(size);
  });
  const sum = sizes => count(sizes.length) + ' buffer' + (sizes.length === 1 ? '' : 's') + ' of ' + bytes(sizes.reduce((a, b) => a + b, 0));
  find('change').textContent = 'taken: ' + sum(taken) + '; given back: ' + sum(given) + '; alive: ' + sum(here.map(b => buffers[b][0]));
  here.sort((a, b) => buffers[b][0] - buffers[a][0]);
  const line = b => (buffers[b][2] === now ? '+ ' : buffers[b][3] === now + 1 ? '- ' : '  ') + bytes(buffers[b][0]).padStart(10) + '  ' +
    purposes[buffers[b][1]].padEnd(11) + ' ' + holds(b);
  const items = here.slice(0, 14).map(b => make('li', line(b).replaceAll(' ', '\u00a0')));
  find('alive').replaceChildren(...items, make('li.note', '+ new with this record, - given back before the next one is done'));
}

// ---- moving
function show(i, reveal) {
  now = Math.max(0, Math.min(records.length - 1, i));
  revealed = !!reveal;
  find('step').value = now;
  find('where').textContent = '#' + now + ' of ' + records.length + ', ' + say(records[now].phase);
  const x = records.length > 1 ? 600 * now / (records.length - 1) : 0;
  find('cursor').setAttribute('x1', x);
  find('cursor').setAttribute('x2', x);
  drawList();
  drawMemory();
  drawDetail();
}
const words = r => (call(r) + ' ' + say(r.scope) + ' ' + r.out.map(v => named(v) + ' ' + say(values[v].type)).join(' ')).toLowerCase();
function search(direction) {
  const word = find('search').value.toLowerCase(), n = records.length;
  if (!word) return;
  for (let k = 1; k <= n; ++k) {
    const i = (now + direction * k + n) % n;
    if (words(records[i]).includes(word)) { find('found').textContent = ''; show(i); return; }
  }
  find('found').textContent = 'nothing found';
}
function phase(direction) {
  let i = now + direction;
  while (i > 0 && i < records.length - 1 && records[i].phase === records[now].phase) i += direction;
  show(i);
}
const keys = {ArrowRight: () => show(now + 1), ArrowDown: () => show(now + 1), ArrowLeft: () => show(now - 1), ArrowUp: () => show(now - 1),
  PageDown: () => phase(1), PageUp: () => phase(-1), Home: () => show(0), End: () => show(records.length - 1),
  '/': () => find('search').select(), n: () => search(1), N: () => search(-1),
  p: () => find('predict').click(), a: () => document.querySelector('#detail input')?.focus(), r: () => show(now, true)};
document.onkeydown = e => {
  if (e.ctrlKey || e.altKey || e.metaKey || !Object.hasOwn(keys, e.key)) return;
  e.preventDefault();
  keys[e.key]();
};
find('search').onkeydown = e => {
  if (e.key === 'Enter') search(e.shiftKey ? -1 : 1);
  if (e.key === 'Escape') find('search').blur();
  e.stopPropagation();
};
find('step').oninput = () => show(Number(find('step').value));
find('back').onclick = () => show(now - 1);
find('next').onclick = () => show(now + 1);
find('predict').onchange = () => show(now);
find('title').textContent = data.title;
find('step').max = records.length - 1;
if (records.length) { drawOverview(); show(0); }
