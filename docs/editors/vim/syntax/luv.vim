" generated from codegen/language/luv.lark by `build.py gen`: do not edit
if exists("b:current_syntax")
  finish
endif

syn case match
syn iskeyword @,48-57,_

syn keyword luvKeyword advance alias all allowed1 always and as at bitmap budget by callers capabilities checks class const
syn keyword luvKeyword controls cost cpuid decoder default default1 define do domain each edition else encoding errnos
syn keyword luvKeyword error errors event every exceptions excludes exit exits extern fail fails feature features field
syn keyword luvKeyword flags for forward forwards from guarded hide host hypercall hypercalls identity if in includes index
syn keyword luvKeyword information inject io largest layout leaf length let limits list load lock log magic manual map
syn keyword luvKeyword memory mirrors msr msrs name native needs never none not numbers omitted on onto options or overlay
syn keyword luvKeyword own pages pass ports prefer processor read record region register require reserved reset resume
syn keyword luvKeyword return rule runtime save set shadow show size software state stop struct swap switch switched trap
syn keyword luvKeyword true try type under value vectors via vmcb vmcs watch when where with write
syn keyword luvType bool natural u16 u32 u64 u8
syn keyword luvFunction allowed canonical linear memory_types physical structure
syn match luvConstant "\<[A-Z][A-Z0-9_]\+\>"
syn match luvNumber "\<0x\x[0-9A-Fa-f_]*\>\|\<\d[0-9_]*[KMG]\?\>"
syn match luvMember "\.\h\w*"
syn match luvOperator "=>\|->\|<<\|>>\|[-+*%&|^~<>=!]=\?"
syn region luvString start=+"+ end=+"+ oneline
syn match luvComment "//.*$"
syn match luvDoc "///.*$" contains=luvSection,luvCode
syn match luvSection "SDM:[ 0-9A-Z.,]*" contained
syn match luvCode "`[^`]*`" contained

hi def link luvKeyword Keyword
hi def link luvType Type
hi def link luvFunction Function
hi def link luvConstant Constant
hi def link luvNumber Number
hi def link luvOperator Operator
hi def link luvString String
hi def link luvComment Comment
hi def link luvDoc SpecialComment
hi def link luvSection Underlined
hi def link luvCode Identifier

let b:current_syntax = "luv"
