// The board: new outages show at once, everything else waits for U. Rows never move by themselves.
(() => {
  const { $, $$, put, poll, busy } = window.shell;
  const board = $('#board'), card = $('#rows-card'), button = $('#show'), say = $('#say');
  let waiting = null;   // the newest rows that came and are not shown yet

  const rowsOf = root => $$('tr.o', root);
  const byKey = root => new Map(rowsOf(root).map(row => [row.dataset.key, row]));
  const orderOf = root => rowsOf(root).map(row => `${row.dataset.group}:${row.dataset.key}`);

  // Inserting above must not move what is under the hand: the page scrolls along, and is made long enough to.
  const holdingStill = change => {
    const anchor = $('tr.o:hover, tr.o.sel, tr.o:focus-within', card);
    const before = anchor && anchor.getBoundingClientRect().top;
    change();
    if (!anchor || !anchor.isConnected) return;
    const moved = anchor.getBoundingClientRect().top - before;
    if (Math.abs(moved) < 1) return;
    const room = document.documentElement.scrollHeight - innerHeight - scrollY;
    if (room < moved) board.style.paddingBottom = `${Math.ceil(moved - room + 40)}px`;
    scrollBy({ top: moved, behavior: 'instant' });
  };

  const newGroup = table => {
    let group = $('tbody[data-group=new]', table);
    if (group) return group;
    group = document.createElement('tbody');
    group.dataset.group = 'new';
    const head = document.createElement('tr');
    head.className = 'grp';
    head.innerHTML = '<th colspan="9" scope="rowgroup">New<span>Came since you looked. U sorts it in</span></th>';
    group.append(head);
    $('thead', table).after(group);
    return group;
  };

  const announce = added => {
    const numbers = added.map(row => row.dataset.number).join(', ');
    put(say, `New outage ${numbers}.`);
  };

  const showAll = () => {
    if (!waiting) return;
    const selected = $('tr.sel', card)?.dataset.key;
    const focused = document.activeElement?.closest('tr.o')?.dataset.key;
    const came = waiting;
    waiting = null;
    card.replaceChildren(came, ...$$('.is-cut', card));
    board.style.paddingBottom = '';
    if (selected) $(`tr.o[data-key="${selected}"]`, card)?.classList.add('sel');
    if (focused) $(`tr.o[data-key="${focused}"] a`, card)?.focus();
    put($('#as-of time'), new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(window.shell.now()));
    count();
    put(say, 'Up to date.');
  };

  const count = () => {
    if (!waiting) { button.hidden = true; return; }
    const shown = byKey(card), came = byKey(waiting);
    let updates = 0, fresh = 0;
    for (const [key, row] of came) {
      const here = shown.get(key);
      const isNew = here?.closest('tbody')?.dataset.group === 'new';
      if (isNew) fresh += 1;
      const differs = !isNew && here && (here.dataset.version !== row.dataset.version || here.dataset.group !== row.dataset.group);
      if (here) mark(here, differs);
      updates += differs ? 1 : 0;
    }
    for (const [key, row] of shown) if (!came.has(key)) { updates += 1; mark(row, true); }
    if (!updates && !fresh) {
      const settled = orderOf(card).join() === orderOf(waiting).join();
      if (settled) { waiting = null; button.hidden = true; return; }
      updates = 1;
    }
    const words = updates ? `${updates} update${updates === 1 ? '' : 's'} waiting` : `Sort ${fresh} new in`;
    const changed = $('span', button).textContent !== words || button.hidden;
    put($('span', button), words);
    button.hidden = false;
    if (changed && updates) put(say, words);
  };

  const mark = (row, differs) => {
    const dot = $('.upd', row);
    if (differs && !dot) {
      const made = document.createElement('span');
      made.className = 'upd'; made.title = 'An update waits: press U';
      made.innerHTML = '<span class="sr">An update waits</span>';
      $('.l1', row.cells[1]).append(made);
    } else if (!differs && dot) dot.remove();
  };

  const receive = page => {
    const figures = $('#figures', page), rows = $('#rows', page);
    if (figures) {
      $$('[data-count]').forEach(element => put(element, figures.dataset[element.dataset.count]));
      $('#figures').replaceWith(figures);
    }
    if (!rows) return;
    const came = byKey(rows), shown = byKey(card);
    // Stamps of doubt change in place: an age that counts from an old proof would be a lie. So does a new row.
    for (const [key, row] of shown) {
      const next = came.get(key);
      if (!next) continue;
      if (row.closest('tbody').dataset.group === 'new' && row.dataset.version !== next.dataset.version) {
        const copy = next.cloneNode(true);
        copy.classList.toggle('sel', row.classList.contains('sel'));
        row.replaceWith(copy);
        continue;
      }
      const cell = $('[data-live-cell]', row), fresh = $('[data-live-cell]', next);
      if (cell.innerHTML !== fresh.innerHTML) cell.innerHTML = fresh.innerHTML;
    }
    const added = [...came].filter(([key]) => !shown.has(key)).map(([, row]) => row);
    waiting = rows;
    if (added.length) {
      if (!shown.size) { showAll(); rowsOf(card).forEach(row => row.classList.add('new')); announce(added); return; }
      holdingStill(() => added.forEach(row => {
        const copy = row.cloneNode(true);
        copy.classList.add('new');
        newGroup($('#rows', card)).append(copy);
      }));
      announce(added);
    }
    if (!shown.size && !added.length) { showAll(); return; }
    count();
  };

  button.addEventListener('click', showAll);
  card.addEventListener('click', event => {
    const row = event.target.closest('tr.o');
    if (row && !event.target.closest('a') && !getSelection().toString()) $('a.no', row).click();
  });
  const select = step => {
    const list = rowsOf(card);
    if (!list.length) return;
    const at = list.findIndex(row => row.classList.contains('sel'));
    const next = list[at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.max(0, Math.min(list.length - 1, at + step))];
    list.forEach(row => row.classList.toggle('sel', row === next));
    $('a.no', next).focus({ preventScroll: true });
    next.scrollIntoView({ block: 'nearest' });
  };
  document.addEventListener('keydown', event => {
    if (busy(event)) return;
    if (event.key === 'j') select(1);
    else if (event.key === 'k') select(-1);
    else if (event.key === 'u') showAll();
    else if (event.key === '/') { event.preventDefault(); $('#f-text').focus(); }
    else if (event.key === 'Enter' && !event.target.closest('a, button')) $('tr.sel a.no', card)?.click();
  });
  poll(board.dataset.live, receive, board.dataset.tag);
})();
