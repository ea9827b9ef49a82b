'use strict';
// The right side of the page: one record, its equation with numbers, its local derivative or chain rule, and what it asks when one
// predicts. Next: page.js, which runs after it and moves from record to record.
// ---- values, and what they hold
const shape = v => [...say(values[v].type).matchAll(/\d+(?=[,\]])/g)].map(m => Number(m[0]));
const elements = v => shape(v).reduce((n, m) => n * m, 1);
function place(v, i) {                            // element i as an index: [2,5]
  const at = [];
  for (const n of shape(v).reverse()) { at.unshift(i % n); i = Math.floor(i / n); }
  return at.length ? '[' + at.join(',') + ']' : '';
}
const spot = (v, i) => '%' + v + place(v, i);
const row = (cells, tag = 'td') => make('tr', ...cells.map(cell => cell.nodeType ? cell : make(tag, cell)));
const table = (head, rows) => make('table', ...head.length ? [row(head, 'th')] : [], ...rows);
function heat(v) {
  const x = values[v], n = elements(v), top = Math.max(1e-30, ...x.heat.map(a => Math.abs(a ?? 0)));
  const shown = Math.min(data.sampled, n), step = Math.ceil(shown / data.room), at = k => Math.floor(k * step * n / shown);
  const cells = x.heat.map((a, k) => {
    const cell = make('b', a === null ? '!' : a < 0 ? '-' : a > 0 ? '+' : '0');
    cell.title = place(v, at(k)) + ' ' + number(a);
    cell.style.background = a === null ? '#fff' : a < 0 ? 'rgba(179,89,26,' + -a / top + ')' : 'rgba(47,95,158,' + a / top + ')';
    if (a !== null && Math.abs(a) > 0.6 * top) cell.style.color = '#fff';
    return cell;
  });
  const words = make('details', make('summary', x.heat.length + ' of ' + count(n) + ' elements in numbers'));
  words.ontoggle = () => {
    if (words.open && words.childNodes.length === 1) words.append(x.heat.map((a, k) => place(v, at(k)) + ' ' + number(a)).join('   '));
  };
  return [make('div.heat', ...cells), words];
}
function sumSoFar(v) {                            // contributions to a gradient, as far as they have come
  const [into, , of] = values[v].adds, rows = [];
  for (let s = v; s >= 0 && values[s].adds; s = values[s].adds[3]) {
    const {adds, by, sum, heat} = values[s];
    rows.unshift(row([adds[1] + ' of ' + of, '#' + by, sum ? number(sum[3]) : '', heat ? place(s, 0) + ' ' + number(heat[0]) : '']));
  }
  const whose = into < 0 ? ' to a gradient' : ' to the gradient of ' + named(into);
  return [make('p', 'contribution ', field('contribution', values[v].adds[1] + ' of ' + of), whose + '; the sum as it grew:'),
    table(['', 'by', 'norm', 'element'], rows)];
}
function value(v, role) {
  const x = values[v], box = make('div.value'), links = make('div');
  box.dataset.use = role || 'out';
  box.append(make('div', role ? role + ' ' : '', field('id', '%' + v, 'b'), ' ', field('type', say(x.type)), ' ',
    x.name === undefined ? '' : field('name', say(x.name))));
  if (role && x.by !== undefined) links.append(go('made by #' + x.by, x.by));
  if (x.of !== undefined) links.append('the gradient of ' + named(x.of) + ' ');
  if (x.copy !== undefined) links.append('the same elements as ' + named(x.copy));
  if (links.childNodes.length) box.append(links);
  if (x.sum) {
    const names = ['min', 'max', 'mean', 'norm', 'zeros'], [, , , , , nan, infinite] = x.sum;
    box.append(table(names, [row(names.map((name, k) => field(name, k < 4 ? number(x.sum[k]) : count(x.sum[k]), 'td')))]));
    if (nan !== undefined) box.append(make('div.bad', field('nan', count(nan)), ' NaN, ', field('infinite', count(infinite)), ' infinite'));
  }
  if (x.heat && x.heat.length > 1) box.append(...heat(v));
  if (!role && x.adds) box.append(...sumSoFar(v));
  return box;
}
function kept(r, hide) {
  return r.saves.map(([v, why]) => {
    const readers = replies[now].filter(i => records[i].in.some(u => u[0] === 2 && u[1] === v)), secret = hide && r.out.includes(v);
    return make('div.value', field('saved', '%' + v, 'b'), (secret ? '' : ' ' + say(values[v].type)) + ': ', field('why', say(why)),
      make('div', readers.length ? 'read by ' : '', ...readers.slice(0, 8).map(i => go('#' + i, i))));
  });
}

// ---- the equation with numbers: one element of what is made, and the elements it depends on
// local: [of, by, at, value, how many elements matter, [[element, derivative, value, before], ...]] for each input
const few = 4;                                    // slopes of each input that are seen at once
const six = x => String(Number(x.toPrecision(6)));
function argument(r, v) {
  const known = r.local.find(d => d[1] === v);
  if (!known) return '%' + v + ': ' + say(values[v].type);
  const [, , , , depends, list] = known, many = depends > few;
  if (depends === 0) return '%' + v + ': no element of it changes this one';
  const shown = list.slice(0, few).map(([i, , x]) => (many ? place(v, i) : spot(v, i)) + ' = ' + number(x)).join(', ');
  return many ? '%' + v + ' at ' + count(depends) + ' places: ' + shown + ', ...' : shown;
}
const equation = r => called(r) + '( ' + r.in.map(u => argument(r, u[1])).join(' ; ') + ' )';
function slopes(r, head, write) {                 // the steepest of each input; the others on demand
  const rows = ([, by, , , , list]) => list.map(slope => row(write(by, ...slope)));
  const more = r.local.flatMap(d => rows(d).slice(few)), counts = r.local.filter(d => d[4] > few).map(d => '%' + d[1] + ': ' + count(d[4]));
  const rest = () => make('details', make('summary', 'more, of all that are not 0 (' + counts.join(', ') + ')'), table(head, more));
  return [table(head, r.local.flatMap(d => rows(d).slice(0, few))), ...more.length ? [rest()] : []];
}
function withNumbers(r) {
  const [of, , at, y] = r.local[0], element = spot(of, at);
  return [make('h3', 'one element, with numbers'),
    make('p.numbers', field('element', element, 'b'), ' = ', field('element value', number(y)), ' = ' + equation(r)),
    make('h3', 'local derivative'), ...slopes(r, [], (by, i, slope, x) =>
      [field('slope by', 'd ' + element + ' / d ' + spot(by, i), 'td'), '=', field('slope', number(slope), 'td'),
        'at ' + spot(by, i) + ' = ' + number(x)])];
}
function chainRule(r) {
  const [of, , at, dy] = r.local[0];
  const line = (by, i, slope, dx, before = 0) => {
    const share = dy * slope, rest = dx - before - share, largest = Math.max(...[dx, before, share].map(Math.abs));
    const others = Math.abs(rest) <= 2e-5 * largest ? '' : (rest < 0 ? '- ' : '+ ') + six(Math.abs(rest));
    return [field('slope by', spot(by, i), 'td'), number(before), make('td', '+ ' + number(dy) + ' \u00d7 ', field('slope', number(slope))),
      make('td', '= ', field('share', six(share))), others, make('td', '= ', field('slope value', number(dx)))];
  };
  return [make('h3', 'the chain rule, with numbers'),
    make('p.numbers', 'What arrives at one element, ', field('element', spot(of, at), 'b'), ' = ', field('element value', number(dy)),
      ', goes on times the local derivative:'),
  ...slopes(r, ['gradient', 'before', '+ arriving \u00d7 local', 'its share', '+ other elements', 'now'], line)];
}

// ---- predict, then reveal
const score = {right: 0, asked: 0};
function near(text, x) {
  const said = Number(text.replace(',', '.'));
  return text.trim() !== '' && (x === 0 ? said === 0 : Math.abs(said - x) <= 0.01 * Math.abs(x));
}
const sign = x => text => text.trim() === (x > 0 ? '+' : x < 0 ? '-' : '0');
const same = sizes => text => text.trim() !== '' && [...text.matchAll(/\d+/g)].map(Number).join() === sizes.join();
function questions(r) {
  const all = r.in.length ? r.out.slice(0, 2).map(v => ({ask: 'the shape of %' + v + ' (like 3,4)', right: same(shape(v))})) : [];
  const first = r.local && r.local.find(d => d[5].length);
  if (first) {
    const [of, by, at, y, , [[i, slope, x]]] = first, here = spot(of, at), there = spot(by, i);
    if (r.kind === 2)
      all.push({ask: 'what ' + here + ' = ' + number(y) + ' passes on to ' + there + ', where the local derivative is ' + number(slope),
        right: text => near(text, y * slope)});
    else if (r.local.reduce((n, d) => n + d[4], 0) <= 3) all.push({ask: here + ' = ' + equation(r), right: text => near(text, y)});
    else all.push({ask: 'when ' + there + ' = ' + number(x) + ' rises, does ' + here + ' rise (+) or fall (-)', right: sign(slope)});
  }
  const old = r.in.find(u => u[0] === 0), before = old && values[old[1]].heat, after = r.out.length && values[r.out[0]].heat;
  if (say(r.phase) === 'update' && before && after)
    all.push({ask: 'does ' + spot(old[1], 0) + ' = ' + number(before[0]) + ' rise (+), fall (-) or stay (0)',
      right: sign(after[0] - before[0])});
  return all;
}
function quiz(r) {
  const rows = questions(r).map(({ask, right}) => {
    const input = make('input'), verdict = field('verdict', '');
    let tried = false;
    verdict.setAttribute('role', 'status');
    input.onkeydown = e => {
      e.stopPropagation();
      if (e.key === 'Escape') input.blur();
      if (e.key !== 'Enter') return;
      const good = right(input.value);
      verdict.textContent = good ? ' right' : ' wrong: try again, or reveal';
      if (!tried) { ++score.asked; score.right += good; }
      tried = true;
      find('score').textContent = score.right + ' of ' + score.asked + ' right at the first try';
    };
    return make('p.question', make('label', field('question', ask), '? ', input), verdict);
  });
  const reveal = make('button', 'reveal');
  reveal.onclick = () => show(now, true);
  return [make('h3', 'predict'), ...rows, make('p', reveal)];
}

// ---- one record
function drawDetail() {
  const r = records[now], hide = find('predict').checked && !revealed, {docs} = data, op = say(r.op);
  const part = (title, things) => things.length ? [make('h3', title), ...things] : [];
  const links = (before, list) => list.length ? [before, ...list.slice(0, 12).map(i => go('#' + i, i))] : [];
  const roles = ['input', 'gradient', 'saved', 'added to'], scope = say(r.scope), asked = say(r.asked);
  find('detail').replaceChildren(
    make('h2', '#', field('index', String(now)), ' ', field('phase', say(r.phase)), ': ', field('op', op), called(r).slice(op.length)),
    make('p', scope ? 'in ' : '', field('scope', scope, 'code'), asked ? ', asked for at ' : '', field('asked for', asked, 'code')),
    ...Object.hasOwn(docs, op) ? [make('p.formula', docs[op])] : [],
    make('p.note', field('us', (r.ns / 1000).toFixed(3)), ' us, ', field('flops', count(r.flops)), ' flops, ',
      field('bytes', count(r.bytes)), ' B read and written'),
    make('p', ...links('the gradient of ', r.from === undefined ? [] : [r.from]), ...links('its gradient: ', replies[now])),
    ...hide ? quiz(r) : !r.local ? [] : r.kind === 2 ? chainRule(r) : withNumbers(r),
    ...hide ? [] : part('makes', r.out.map(v => value(v, ''))),
    ...part('reads', r.in.map(([role, v]) => value(v, roles[role]))),
    ...part('kept for backward', r.saves ? kept(r, hide) : []));
}
