// Time and small conveniences of every page. Everything works from markup; without this file the pages still read.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Ages count against the server's clock, not the browser's.
  let base = Date.now(), since = performance.now();
  const now = () => base + Math.floor(performance.now() - since);
  const follow = iso => { const at = Date.parse(iso); if (!Number.isNaN(at)) { base = at; since = performance.now(); } };

  const parts = seconds => new Intl.DateTimeFormat('en-GB', {
    hour: '2-digit', minute: '2-digit', ...(seconds ? { second: '2-digit' } : {}), hourCycle: 'h23',
  });
  const withSeconds = parts(true), withMinutes = parts(false);
  const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
  const span = ms => {
    const s = Math.floor(Math.abs(ms) / 1000), m = Math.floor(s / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
    if (s < 60) return `${s} s`;
    if (m < 60) return `${m} min`;
    if (h < 24) return m % 60 ? `${h} h ${String(m % 60).padStart(2, '0')} min` : `${h} h`;
    return h % 24 ? `${d} d ${h % 24} h` : `${d} d`;
  };
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };

  // A moment in the reader's zone, with the date where it is not of today; UTC stands in its title.
  const localise = root => $$('time[data-at]:not([data-here])', root).forEach(element => {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const clock = (element.dataset.at === 's' ? withSeconds : withMinutes).format(at);
    const sameDay = day.format(at) === day.format(new Date(now()));
    element.textContent = sameDay ? clock : `${day.format(at)} ${clock}`;
    element.dataset.here = '';
    element.title = `${at.toISOString().replace('T', ' ').slice(0, 19)} UTC`;
  });

  const tick = () => {
    const at = now();
    $$('[data-clock]').forEach(element => put(element, withSeconds.format(at)));
    $$('[data-utc]').forEach(element => put(element, `${new Date(at).toISOString().slice(11, 19)} UTC`));
    $$('time[data-age]').forEach(element => put(element, span(Math.max(0, at - Date.parse(element.dateTime)))));
    $$('time[data-due]').forEach(element => {
      const left = Date.parse(element.dateTime) - at;
      put(element, left >= 0 ? `in ${span(left)}` : `${span(left)} over`);
    });
    $$('.agebar[data-since]').forEach(element => {
      const share = (at - Date.parse(element.dataset.since)) / 1000 / Number(element.dataset.target);
      element.classList.toggle('over', share > 1);
      $('.a', element).setAttribute('d', `M0 5h${(share > 1 ? 100 : Math.max(0, share) * 66).toFixed(1)}`);
    });
  };

  // A fragment each second. Nothing changed: 304, and nothing is done. An answer that does not come is said.
  const poll = (url, receive, tag) => {
    let etag = tag ? `"${tag}"` : '', missed = 0;
    const live = $('#live');
    const say = ok => {
      if (!live) return;
      live.classList.toggle('lost', !ok);
      put(live, ok ? 'Live' : 'Not live');
    };
    const ask = async () => {
      try {
        const answer = await fetch(url, {
          headers: etag ? { 'If-None-Match': etag } : {}, credentials: 'same-origin', redirect: 'manual',
          cache: 'no-store', signal: AbortSignal.timeout(8000),
        });
        if (answer.type === 'opaqueredirect' || answer.status === 403) { location.reload(); return; }
        if (answer.status === 200) {
          etag = answer.headers.get('ETag') || '';
          const page = document.createElement('template');
          page.innerHTML = await answer.text();
          const said = page.content.querySelector('[data-now]');
          if (said) follow(said.dataset.now);
          localise(page.content);
          receive(page.content);
          tick();
        } else if (answer.status !== 304) { throw new Error(String(answer.status)); }
        missed = 0; say(true);
      } catch { missed += 1; if (missed > 2) say(false); }
      setTimeout(ask, document.hidden ? 5000 : missed > 2 ? 3000 : 1000);
    };
    setTimeout(ask, 1000);
    document.addEventListener('visibilitychange', () => { if (!document.hidden) tick(); });
  };

  // Of a form only what belongs to the way to sign in that is chosen; a field that is at fault stays.
  const showWhatBelongs = () => {
    const way = $('select[name=sign_in]');
    if (way) $$('[data-for-sign-in]').forEach(field => {
      const row = field.closest('.field-row');
      if (row && !$('.errors', row)) row.hidden = !field.dataset.forSignIn.split(' ').includes(way.value);
    });
  };

  // Single keys stay out of fields, open dialogs and the browser's own shortcuts.
  const busy = event => event.metaKey || event.ctrlKey || event.altKey || $('dialog[open]')
    || event.target.matches('input, select, textarea, [contenteditable]');

  window.shell = { $, $$, put, span, now, poll, busy, localise };

  document.addEventListener('DOMContentLoaded', () => {
    const clock = $('[data-server-now]');
    if (clock) follow(clock.dataset.serverNow);
    localise(document); tick(); setInterval(tick, 1000); showWhatBelongs();
    document.addEventListener('change', event => {
      if (event.target.name === 'sign_in') showWhatBelongs();
      if (event.target.matches('[data-submits]')) event.target.form.requestSubmit();
    });
    // A source may take seconds to answer: the form that asks it says so until the next page is there.
    document.addEventListener('submit', event => {
      if (event.submitter?.matches('[data-asks]')) $('.asking', event.target)?.classList.add('on');
    });
    window.addEventListener('pageshow', () => $$('.asking.on').forEach(element => element.classList.remove('on')));
    document.addEventListener('click', event => {
      if (event.target.closest('[data-theme-toggle]')) {
        const dark = document.documentElement.classList.contains('dark');
        if (window.Alpine) window.Alpine.$data(document.documentElement).switchTheme(dark ? 'light' : 'dark');
      }
      const opener = event.target.closest('[data-dialog]');
      const dialog = opener && document.getElementById(opener.dataset.dialog);
      if (dialog) { event.preventDefault(); if (dialog.open) dialog.close(); dialog.showModal(); $('textarea', dialog)?.focus(); }
      const close = event.target.closest('dialog [data-close]');
      if (close) { event.preventDefault(); close.closest('dialog').close(); }
    });
  });
})();
