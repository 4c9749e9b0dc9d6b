package simulate

import "fmt"

// syllable is a character of a name with its pinyin, of which user names are made.
type syllable struct{ han, pinyin string }

var surnames = []syllable{
	{"王", "wang"}, {"李", "li"}, {"张", "zhang"}, {"刘", "liu"}, {"陈", "chen"}, {"杨", "yang"},
	{"黄", "huang"}, {"赵", "zhao"}, {"吴", "wu"}, {"周", "zhou"}, {"徐", "xu"}, {"孙", "sun"},
	{"马", "ma"}, {"朱", "zhu"}, {"胡", "hu"}, {"郭", "guo"}, {"何", "he"}, {"林", "lin"},
	{"高", "gao"}, {"罗", "luo"}, {"郑", "zheng"}, {"梁", "liang"}, {"谢", "xie"}, {"宋", "song"},
	{"唐", "tang"}, {"许", "xu"}, {"韩", "han"}, {"邓", "deng"}, {"冯", "feng"}, {"曹", "cao"},
	{"彭", "peng"}, {"曾", "zeng"}, {"肖", "xiao"}, {"田", "tian"}, {"董", "dong"}, {"潘", "pan"},
}

var givenNames = []syllable{
	{"伟", "wei"}, {"芳", "fang"}, {"娜", "na"}, {"敏", "min"}, {"静", "jing"}, {"丽", "li"},
	{"强", "qiang"}, {"磊", "lei"}, {"军", "jun"}, {"洋", "yang"}, {"勇", "yong"}, {"艳", "yan"},
	{"杰", "jie"}, {"娟", "juan"}, {"涛", "tao"}, {"明", "ming"}, {"超", "chao"}, {"霞", "xia"},
	{"平", "ping"}, {"刚", "gang"}, {"桂英", "guiying"}, {"志强", "zhiqiang"}, {"秀兰", "xiulan"},
	{"晓东", "xiaodong"}, {"佳怡", "jiayi"}, {"子涵", "zihan"}, {"欣怡", "xinyi"}, {"浩然", "haoran"},
	{"雨桐", "yutong"}, {"俊杰", "junjie"}, {"思远", "siyuan"}, {"梦洁", "mengjie"}, {"文博", "wenbo"},
	{"雪梅", "xuemei"}, {"海燕", "haiyan"}, {"建国", "jianguo"}, {"婷婷", "tingting"}, {"宇航", "yuhang"},
	{"嘉欣", "jiaxin"}, {"永康", "yongkang"}, {"慧敏", "huimin"}, {"振华", "zhenhua"}, {"立新", "lixin"},
	{"美玲", "meiling"}, {"国栋", "guodong"}, {"春燕", "chunyan"}, {"天宇", "tianyu"}, {"诗涵", "shihan"},
}

// roster gives out names; equal ones get a rising number in their user name, as a
// directory service does.
type roster map[string]int

func (n roster) next(d draws) (name, user string) {
	// The common surnames stand first and are drawn more often.
	s := surnames[int(float64(len(surnames))*d.Float64()*d.Float64())]
	g := one(d, givenNames)
	login := s.pinyin + "." + g.pinyin
	n[login]++
	return s.han + g.han, fmt.Sprintf("%s%03d", login, n[login])
}
