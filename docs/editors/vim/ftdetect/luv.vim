" generated from codegen/language/luv.lark by `build.py gen`: do not edit
autocmd BufNewFile,BufRead *.luv setfiletype luv
