// One outage: what is known is replaced in place; forms that somebody writes in, and the map, are left alone.
(() => {
  const { $, $$, put, poll } = window.shell;
  const root = $('#outage');

  // What the clock writes into a part is no difference.
  const bare = part => {
    const copy = part.cloneNode(true);
    copy.removeAttribute('data-now');
    $$('time[data-age], time[data-due]', copy).forEach(element => { element.textContent = ''; });
    return copy.outerHTML;
  };

  const receive = page => {
    $$('[data-part]', page).forEach(part => {
      const here = document.getElementById(part.id);
      if (!here || bare(here) === bare(part) || here.contains(document.activeElement)) return;
      here.replaceWith(part);
      if (part.id === 'head') put($('#say'), $('.title', part).textContent);
    });
    const moves = $('#moves', page), here = $('#moves');
    if (moves && !$('dialog[open]') && (moves.dataset.status !== here.dataset.status || moves.dataset.off !== here.dataset.off)) {
      here.replaceWith(moves);
    }
    const map = $('#map'), version = $('#head').dataset.map;
    if (map && map.dataset.version !== version) { map.dataset.version = version; map.dispatchEvent(new Event('stale')); }
  };

  // Opened by address, without a click: make it a modal one.
  $$('dialog[open]').forEach(dialog => { dialog.close(); dialog.showModal(); $('textarea', dialog)?.focus(); });
  poll(root.dataset.live, receive);
})();
