// Where the page begins: signs in if a link's secret is there, then shows the rooms.
import { mount } from 'svelte';
import App from './App.svelte';
import './lib/theme.svelte';
import './style/tokens.css';
import './style/base.css';

const target = document.getElementById('page');
// What stood there until now was the first thing to be seen.
target?.replaceChildren();
if (target) mount(App, { target });
