// Runs in the head, before the first paint: the theme that the reader chose, and the page visible before Alpine starts.
(() => {
  const root = document.documentElement;
  let chosen = 'auto';
  try { chosen = JSON.parse(localStorage.getItem('_x_adminTheme')) || 'auto'; } catch { /* a private window */ }
  if (chosen === 'dark' || (chosen === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches)) root.classList.add('dark');
  root.removeAttribute('x-cloak');
})();
